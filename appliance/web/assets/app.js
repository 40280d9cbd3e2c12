// Enhancements: every page and form works without.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
const set = document.body.dataset, skew = set.now ? set.now - Date.now() : 0, now = () => Date.now() + skew;
const make = (tag, props, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e };
const post = (url, data) => fetch(url, { method: 'POST', headers: { accept: 'application/json' }, body: new URLSearchParams({ csrf: set.csrf, ...data }) });

// Relative times, worded as the server's.
const ages = () => $$('time[data-relative]').forEach(t => {
  const ms = now() - Date.parse(t.dateTime), s = Math.abs(ms) / 1000 | 0;
  const age = s < 60 ? s + ' s' : s < 3600 ? (s / 60 | 0) + ' min' : s < 86400 ? (s / 3600 | 0) + ' h' : (s / 86400 | 0) + ' d';
  const text = s < 1 ? 'just now' : ms < 0 ? 'in ' + age : age + ' ago';
  if (t.textContent != text) t.textContent = text;
});
setInterval(() => document.hidden || ages(), 5000);

// Toasts.
const toast = (tone, text, href) => {
  const box = $('#toasts'), p = make('p', { className: 'flash ' + tone }, href ? make('a', { href }, text) : text);
  box.append(p);
  if (box.children.length > 4) box.firstChild.remove();
  setTimeout(() => p.remove(), 8000);
};

// Live updates.
let socket, wait = 1, busy;
const state = (tone, text) => { const e = $('#live'); if (e) { e.hidden = false; e.className = 'st ' + tone; e.textContent = text } };
addEventListener('input', e => { busy ||= !!e.target.closest('main form') });
const resync = async () => {
  if (busy || document.activeElement.closest('main form')) return toast('info', 'This page has news: load it', location.href);
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html');
  const main = page.getElementById('main');
  if (main) { $('#main').replaceChildren(...main.childNodes); charts() }
};
const row = p => {
  const list = $(`[data-list="${p.list}"]`), old = document.getElementById(p.list.replace(/s$/, '') + '-' + p.id);
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
    list.hidden = false;
    const table = list.closest('table');
    if (table) table.hidden = false;
  }
};
const apply = m => {
  (m.patches || []).forEach(p => {
    const e = document.getElementById(p.id);
    if (e && p.text != null) e.textContent = p.text;
    if (e && p.class != null) e.className = p.class;
  });
  (m.rows || []).forEach(row);
  for (const k in m.counts) $$(`[data-count="${k}"]`).forEach(e => {
    e.textContent = m.counts[k];
    if (e.classList.contains('badge')) e.hidden = !m.counts[k];
  });
  (m.toasts || []).forEach(t => toast(t.tone, t.text, t.href));
  if (m.resync || m.v != 1) resync();
  ages();
};
const connect = () => {
  if (!set.live || socket || document.hidden) return;
  const s = socket = new WebSocket(new URL(set.live, location.href.replace(/^http/, 'ws')));
  s.onopen = () => {
    s.send(JSON.stringify({ v: 1, page: location.pathname + location.search }));
    if (wait > 1) resync();
    wait = 1;
    state('ok', 'Live');
  };
  s.onmessage = m => { try { apply(JSON.parse(m.data)) } catch (e) { console.warn(e) } };
  s.onclose = () => {
    socket = null;
    state('quiet', document.hidden ? 'Paused' : 'Reconnecting');
    setTimeout(connect, wait * (750 + Math.random() * 500));
    wait = Math.min(wait * 2, 60);
  };
};
let pause;
addEventListener('visibilitychange', () => {
  clearTimeout(pause);
  if (document.hidden) pause = setTimeout(() => socket?.close(), 20000);
  else { connect(); ages() }
});
connect();

// Theme without reload.
$('#theme')?.addEventListener('submit', e => {
  e.preventDefault();
  const b = $('button', e.target), all = ['dark', 'light', 'auto'], t = b.value, next = all[(all.indexOf(t) + 1) % 3];
  document.documentElement.dataset.theme = t;
  b.value = next;
  b.title = 'Theme: ' + t;
  b.setAttribute('aria-label', `Theme: ${t}. Change to ${next}`);
  post('/theme', { theme: t });
});

// Menus close.
addEventListener('click', e => $$('.menu[open]').forEach(d => d.contains(e.target) || (d.open = false)));
addEventListener('keydown', e => {
  const open = e.key == 'Escape' && $$('.menu[open]').pop();
  if (open) { open.open = false; $('summary', open).focus() }
});

// Command palette, fetched when asked for.
if ($('.find') && set.palette) {
  $('.find kbd').hidden = false;
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
    const time = new Date(+from + at * step).toISOString().slice(11, 16);
    $('output', f).textContent = `${time} · ${all[at]} ${unit}`;
    $('.cursor', f).setAttribute('d', `M${at / Math.max(1, all.length - 1) * 600} 0V150`);
  };
  const clear = () => { $('output', f).textContent = ''; $('.cursor', f).setAttribute('d', '') };
  if (!all.length) return;
  svg.onpointermove = e => { const m = svg.getScreenCTM(); read(Math.round((e.clientX - m.e) / m.a / 600 * (all.length - 1))) };
  svg.onfocus = () => read(at);
  svg.onkeydown = e => { const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key]; if (by) e.preventDefault(), read(at + by) };
  svg.onpointerleave = svg.onblur = clear;
});
charts();

// The session's end.
let warned;
setInterval(() => {
  const left = set.expires - now();
  if (left < 0) location.reload();
  if (!(left < 60000) || warned) return;
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
