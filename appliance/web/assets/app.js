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
  if (box.children.length > 4) box.firstChild.remove();
  setTimeout(() => p.remove(), 8000);
};

// Live updates.
let socket, wait = 1, busy;
const state = (tone, text) => Object.assign($('#live') || {}, { hidden: false, className: 'st ' + tone, textContent: text });
addEventListener('input', e => { busy ||= !!e.target.closest('main form') });
// Nothing is replaced under a person's hands.
const held = () => busy || document.activeElement.closest('main form') || $('main .menu[open]');
const resync = async () => {
  const text = held() || await (await fetch(location.href)).text();
  if (held()) return toast('info', 'This page has news: load it', location.href);
  const main = new DOMParser().parseFromString(text, 'text/html').getElementById('main');
  const open = $$('main [id] details[open]').map(d => d.closest('[id]').id);
  if (!main) return;
  $('#main').replaceChildren(...main.childNodes);
  open.forEach(id => { const d = $(`#${id} details`); if (d) d.open = true });
  charts();
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
    (list.closest('table') || list).hidden = list.hidden = false;
  }
};
const apply = m => {
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
// Where no live channel comes about, by the clock.
if (set.refresh) setInterval(() => document.hidden || socket?.readyState == 1 || held() || resync(), set.refresh * 1000);
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
  const b = $('button', e.target), t = b.value, next = { dark: 'light', light: 'auto', auto: 'dark' }[t];
  document.documentElement.dataset.theme = t;
  b.value = next;
  b.title = 'Theme: ' + t;
  b.setAttribute('aria-label', `Theme: ${t}. Change to ${next}`);
  post('/theme', { theme: t });
});

// Menus close.
addEventListener('click', e => $$('.menu[open]').forEach(d => d.contains(e.target) || (d.open = false)));
addEventListener('keydown', e => {
  const menu = e.key == 'Escape' && $$('.menu[open]').pop();
  if (menu) menu.open = false, $('summary', menu).focus();
});

// Command palette, fetched once the page is there, so that no letter typed after Ctrl-K is lost.
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
