// Enhancements: every page and form works without.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
const set = document.body.dataset, skew = (set.now || Date.now()) - Date.now(), now = () => Date.now() + skew;
const make = (tag, props, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e };
const post = (url, data) => fetch(url, { method: 'POST', headers: { accept: 'application/json' }, body: new URLSearchParams({ csrf: set.csrf, ...data }) });

// Relative times, worded as the server's.
const ages = () => $$('time[data-relative]').forEach(t => {
  const ms = now() - Date.parse(t.dateTime), s = Math.abs(ms) / 1000 | 0;
  const [n, unit] = s < 60 ? [1, 's'] : s < 3600 ? [60, 'min'] : s < 86400 ? [3600, 'h'] : [86400, 'd'], age = (s / n | 0) + ' ' + unit;
  const text = s < 1 ? 'just now' : ms < 0 ? 'in ' + age : age + ' ago';
  if (t.textContent != text) t.textContent = text;
});
setInterval(() => document.hidden || ages(), 5000);

// Toasts.
const toast = (tone, text, href) => {
  const box = $('#toasts'), p = make('p', { className: 'flash ' + tone }, href ? make('a', { href }, text) : text);
  box.append(p);
  if (box.children.length > 4) $('p:not([id])', box).remove();
  setTimeout(() => p.id || p.remove(), 8e3);
  return p;
};

// Live updates.
const path = location.pathname + location.search;
let socket, wait = 1, kept, again, retry;
const state = (tone, text) => Object.assign($('#live') || {}, { hidden: false, className: 'st ' + tone, textContent: text });
// Nothing is replaced under a person's hands.
const held = () => $('#map, main form:focus-within, main .menu[open]') || $$('main :is(input,select,textarea)').some(e =>
  e.value != (e.defaultValue ?? ($('[selected]', e) || e[0] || e).value) || e.checked != e.defaultChecked);
const tell = () => $('#news') || (toast('info', 'This page has news: load it', path).id = 'news');
// What comes meanwhile is applied after; a form's answer stays.
const resync = async () => {
  if (set.once || kept) return again = 1;
  clearTimeout(retry);
  if (held()) return tell();
  again = 0, kept = [];
  try {
    const r = await fetch(path, { headers: { 'x-refresh': 1 }, signal: AbortSignal.timeout(3e4) });
    const main = $('#main', new DOMParser().parseFromString(await r.text(), 'text/html'));
    if (held()) tell();
    else if (r.redirected) return location.reload();
    else if (r.ok) {
      const open = $$('main [id] details[open]').map(d => d.closest('[id]').id);
      $('#main').replaceChildren(...main.childNodes);
      open.forEach(id => $(`#${id} details`)?.setAttribute('open', ''));
      $('#news')?.remove();
      charts();
    } else throw 0;
  } catch {
    retry = setTimeout(resync, 1e4);
  }
  kept.forEach(update);
  kept = null;
  if (again) resync();
};
const row = p => {
  const list = $(`[data-list="${p.list}"]`), old = $(`#${p.list.replace(/s$/, '')}-${p.id}`);
  if (!p.html) return old?.remove();
  if (!list || p.keep && !old) return;
  // Rows come from our own templates, which escape; scripts set this way never run.
  const fresh = make('template', { innerHTML: p.html }).content.firstElementChild, parts = 'a,input,button,summary';
  if (!fresh) return;
  if (old) {
    const at = $$(parts, old).indexOf(document.activeElement);
    $$('input:checked', old).forEach(i => { const n = $(`[name="${i.name}"]`, fresh); if (n) n.checked = true });
    if ($('details', old)?.open) $('details', fresh).open = true;
    old.replaceWith(fresh);
    $$(parts, fresh)[at]?.focus();
  } else {
    fresh.classList.add('fresh');
    list.prepend(fresh);
    if (list.children.length > 200) list.lastElementChild.remove();
    $('#no-' + p.list)?.remove();
    (list.closest('table') || list).hidden = list.hidden = false;
  }
};
// Async: a message at fault stops no other.
const update = async m => {
  (m.patches || []).forEach(p => {
    const e = document.getElementById(p.id);
    if (p.text != null && e) e.textContent = p.text;
    if (p.class != null && e) e.className = p.class;
  });
  (m.rows || []).forEach(row);
  for (const k in m.counts) $$(`[data-count="${k}"]`).forEach(e => {
    e.textContent = m.counts[k];
    if (e.matches('.badge')) e.hidden = !m.counts[k];
  });
  (m.toasts || []).forEach(t => toast(t.tone, t.text, t.href));
  ages();
};
const apply = m => {
  if (m.resync || m.v != 1) resync();
  kept ? kept.push(m) : update(m);
};
let live;
const connect = () => {
  if (!set.live || socket || document.hidden) return;
  const s = socket = new WebSocket(new URL(set.live, location.href.replace(/^http/, 'ws')));
  s.onopen = () => {
    s.send(JSON.stringify({ v: 1, page: path }));
    if (wait > 1) resync();
    wait = 1;
    live = setTimeout(state, 100, 'ok', 'Live');
  };
  s.onmessage = m => apply(JSON.parse(m.data));
  s.onclose = e => {
    clearTimeout(live);
    socket = null;
    // Too many live pages: this one loads anew each time that it asks for a place.
    const full = e.code == 1013 && (wait = 30);
    state('quiet', document.hidden ? 'Paused' : full ? 'Too many live pages' : 'Reconnecting');
    setTimeout(connect, wait * (750 + Math.random() * 500));
    wait = Math.min(wait * 2, 60);
  };
};
// Without a live channel, by the clock.
if (set.refresh) setInterval(() => document.hidden || socket?.readyState == 1 || held() || resync(), set.refresh * 1000);
let pause;
addEventListener('visibilitychange', () => {
  clearTimeout(pause);
  if (document.hidden) pause = setTimeout(() => socket?.close(), 2e4);
  else { connect(); ages() }
});
connect();

// Theme without reload.
$('#theme')?.addEventListener('submit', e => {
  e.preventDefault();
  const b = $('button', e.target), t = b.value, next = { dark: 'light', light: 'auto', auto: 'dark' }[t];
  document.documentElement.dataset.theme = t;
  b.value = next;
  b.title = 'Theme: ' + t;
  b.ariaLabel = `Theme: ${t}. Change to ${next}`;
  post('/theme', { theme: t });
});

// Menus close.
addEventListener('click', e => $$('.menu[open]').forEach(d => d.contains(e.target) || (d.open = false)));
addEventListener('keydown', e => {
  const menu = e.key == 'Escape' && $$('.menu[open]').pop();
  if (menu) menu.open = false, $('summary', menu).focus();
});

// Command palette, fetched early, so that no letter typed after Ctrl-K is lost.
if ($('.find') && set.palette) {
  $('.find kbd').hidden = false;
  setTimeout(() => import(set.palette), 1000);
  addEventListener('keydown', e => {
    if (!(e.ctrlKey || e.metaKey) || e.key != 'k') return;
    e.preventDefault();
    import(set.palette).then(m => m.open());
  });
}

// Chart read-outs.
const charts = () => $$('.chart').forEach(f => {
  const svg = $('svg', f), { from, step, values, unit } = f.dataset, all = values ? values.split(' ') : [];
  let at = all.length - 1;
  const read = i => {
    at = Math.max(0, Math.min(all.length - 1, i));
    $('output', f).textContent = `${new Date(+from + at * step).toISOString().slice(11, 16)} · ${all[at]} ${unit}`;
    $('.cursor', f).setAttribute('d', `M${at / Math.max(1, all.length - 1) * 600} 0V150`);
  };
  if (!all.length) return;
  svg.onpointermove = e => { const m = svg.getScreenCTM(); read(Math.round((e.clientX - m.e) / m.a / 600 * (all.length - 1))) };
  svg.onfocus = () => read(at);
  svg.onkeydown = e => { const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key]; if (by) e.preventDefault(), read(at + by) };
  svg.onpointerleave = svg.onblur = () => { $('output', f).textContent = ''; $('.cursor', f).setAttribute('d', '') };
});
charts();

// The session's end.
let warned;
setInterval(() => {
  const left = set.expires - now();
  if (left < 0) location.reload();
  if (!(left < 6e4) || warned) return;
  const stay = make('button', { className: 'go' }, 'Stay signed in');
  warned = make('dialog', {}, make('form', { method: 'dialog' }, make('h2', {}, 'Your session ends in a minute'), stay));
  document.body.append(warned);
  warned.onclose = async () => {
    warned.remove();
    const r = await post('/session/extend');
    if (r.ok) set.expires = (await r.json()).expires;
    warned = null;
  };
  warned.showModal();
}, 5000);
