// Charts of traffic: a read-out of every layer, and a stretch of time chosen by dragging or by keys.
const $ = (s, r) => r.querySelector(s), $$ = (s, r) => [...r.querySelectorAll(s)];
let at = 0, begun = null;
const chart = e => e.target.closest?.('.stack svg')?.closest('figure');
const layers = f => $$('.layer', f).map(l => (l.dataset.v || '').split(' '));
const last = f => Math.max(0, ...layers(f).map(v => v.length - 1));
const read = (f, i) => {
  at = Math.max(0, Math.min(last(f), i));
  const all = layers(f), sum = all.reduce((n, v) => n + (+v[at] || 0), 0), x = at / Math.max(1, last(f)) * 600;
  const when = new Date(+f.dataset.from + at * f.dataset.step).toISOString();
  $('output', f).textContent = `${f.dataset.step < 864e5 ? when.slice(5, 16).replace('T', ' ') : when.slice(0, 10)} · ${+sum.toFixed(2)} ${f.dataset.unit}`;
  $$('.legend b', f).forEach((b, n) => b.textContent = all[n]?.[at] ?? '');
  $('.cursor', f).setAttribute('d', `M${x} 0V150`);
  const from = begun == null ? x : begun / Math.max(1, last(f)) * 600, rect = $('.chosen', f);
  rect.setAttribute('x', Math.min(x, from));
  rect.setAttribute('width', Math.abs(x - from));
};
const clear = f => {
  begun = null;
  $('output', f).textContent = '';
  $('.cursor', f).setAttribute('d', '');
  $('.chosen', f).setAttribute('width', 0);
  $$('.legend b', f).forEach(b => b.textContent = '');
};
const spot = (f, e) => { const m = $('svg', f).getScreenCTM(); return Math.round((e.clientX - m.e) / m.a / 600 * last(f)); };
const choose = f => {
  const { brush, start, step } = f.dataset, [a, b] = [begun, at].sort((x, y) => x - y);
  begun = null;
  if (!brush || a == null || a == b) return;
  const to = new URL(brush, location.href);
  to.searchParams.set('from', +start + a * step);
  to.searchParams.set('to', +start + (b + 1) * step);
  location.assign(to);
};
addEventListener('pointermove', e => { const f = chart(e); if (f) read(f, spot(f, e)); });
addEventListener('pointerdown', e => {
  const f = chart(e);
  if (f?.dataset.brush && e.button == 0 && e.pointerType != 'touch') e.preventDefault(), $('svg', f).focus(), read(f, spot(f, e)), begun = at;
});
addEventListener('pointerup', e => { const f = chart(e); if (f) choose(f); else begun = null; });
addEventListener('pointerout', e => { const f = chart(e); if (f && !f.contains(e.relatedTarget)) clear(f); });
addEventListener('focusin', e => { const f = chart(e); if (f) read(f, at || last(f)); });
addEventListener('focusout', e => { const f = chart(e); if (f) clear(f); });
addEventListener('keydown', e => {
  const f = chart(e), by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
  if (!f) return;
  if (by) {
    e.preventDefault();
    if (e.shiftKey && begun == null) begun = at;
    read(f, at + by);
  } else if (e.key == 'Enter') choose(f);
  else if (e.key == 'Escape') clear(f);
});
