// Goes to the end of a log, and shows lines as they are written; without this, when it is loaded anew.
const find = () => document.querySelector('#log');
const end = out => { if (out) out.scrollTop = out.scrollHeight };
end(find());
const name = find()?.dataset.follow;
let socket, gone;
const follow = () => {
  socket = new WebSocket(new URL('/live?topics=' + encodeURIComponent('log:' + name), location.href.replace(/^http/, 'ws')));
  socket.onmessage = e => {
    const m = JSON.parse(e.data), out = find();
    if (m.resync) return location.reload();
    if (!out || !m.log) return;
    const low = out.scrollHeight - out.scrollTop - out.clientHeight < 40;
    out.hidden = false;
    for (const l of m.log) {
      const row = document.createElement('span'), at = document.createElement('small'), by = document.createElement('small');
      row.className = l.tone, at.textContent = l.at, by.textContent = l.program;
      row.append(at, ' ', by, ' ' + l.text + '\n');
      out.append(row);
    }
    while (out.children.length > 1000) out.firstElementChild.remove();
    if (low) end(out);
  };
  socket.onclose = () => { if (!gone) setTimeout(follow, 5000) };
};
if (name) {
  follow();
  // Nobody looks: nothing is read on the router.
  addEventListener('pagehide', () => { gone = true; socket.close() });
  addEventListener('visibilitychange', () => { if (document.hidden) { gone = true; socket.close() } else if (gone) location.reload() });
}
