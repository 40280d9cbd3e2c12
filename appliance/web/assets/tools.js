// Shows what a tool of the router says while it says it; without this, when it is done.
const form = document.querySelector('[data-stream]'), out = document.querySelector('.out'), stop = form.querySelector('[data-stop]');
form.onsubmit = async e => {
  e.preventDefault();
  const go = form.querySelector('.go'), end = new AbortController();
  go.disabled = true, stop.hidden = out.hidden = false, out.textContent = '';
  stop.onclick = () => end.abort();
  addEventListener('pagehide', stop.onclick);
  try {
    const r = await fetch(form.action, { method: 'POST', headers: { accept: 'text/x-lines' }, body: new URLSearchParams(new FormData(form)), signal: end.signal });
    for (const reader = r.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      out.textContent += value;
      out.scrollTop = out.scrollHeight;
    }
    if (r.ok && form.dataset.stream == 'reload') setTimeout(() => location.reload(), 1500);
  } catch {
    out.textContent += end.signal.aborted ? 'Stopped.\n' : 'The appliance does not answer.\n';
  }
  go.disabled = false, stop.hidden = true;
};
