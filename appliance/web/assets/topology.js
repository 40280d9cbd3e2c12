// The map: move, zoom, drag to pin. The tables below say the same.
const map = document.getElementById('map');
const save = map.parentNode.dataset.save, home = map.getAttribute('viewBox').split(' ').map(Number);
let view = [...home], held, moved;
const fingers = new Map();
const draw = () => map.setAttribute('viewBox', view.map(v => v.toFixed(1)).join(' '));
const point = e => new DOMPoint(e.clientX, e.clientY).matrixTransform(map.getScreenCTM().inverse());
const zoom = (by, c) => {
  const w = Math.min(home[2] * 4, Math.max(120, view[2] * by)), k = w / view[2];
  view = [c.x - (c.x - view[0]) * k, c.y - (c.y - view[1]) * k, w, view[3] * k];
  draw();
};
const spot = n => n.getAttribute('transform').match(/-?[\d.]+/g).map(Number);
const place = (n, x, y) => {
  n.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
  n.classList.add('pinned');
  map.querySelectorAll('.edge').forEach(e => {
    const ends = [e.dataset.a, e.dataset.b];
    if (ends.includes(n.dataset.key)) e.setAttribute('d', 'M' + ends.map(k => spot(map.querySelector(`[data-key="${k}"]`))).join('L'));
  });
};
const keep = n => {
  const [x, y] = spot(n);
  fetch(save + encodeURIComponent(n.dataset.key), { method: 'PUT', headers: { 'content-type': 'application/json', 'x-csrf': document.body.dataset.csrf }, body: JSON.stringify({ x, y }) });
};
map.ondragstart = e => e.preventDefault();
map.onpointerdown = e => {
  const p = point(e), n = save && e.target.closest('.node');
  fingers.set(e.pointerId, p);
  moved = false;
  held = fingers.size > 1 ? null : { n, p, at: n && spot(n), x: e.clientX, y: e.clientY };
};
map.onpointermove = e => {
  if (!fingers.has(e.pointerId)) return;
  const p = point(e);
  if (fingers.size == 2) {
    const [a, b] = [...fingers.keys()].map(k => k == e.pointerId ? p : fingers.get(k)), [c, d] = [...fingers.values()];
    zoom(Math.hypot(c.x - d.x, c.y - d.y) / Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)), { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    fingers.set(e.pointerId, point(e));
    moved = true;
  } else if (held && (moved ||= Math.hypot(e.clientX - held.x, e.clientY - held.y) > 4)) {
    map.setPointerCapture(e.pointerId);
    if (held.n) place(held.n, held.at[0] + p.x - held.p.x, held.at[1] + p.y - held.p.y);
    else { view[0] += held.p.x - p.x; view[1] += held.p.y - p.y; draw() }
  }
};
map.onpointerup = map.onpointercancel = e => {
  fingers.delete(e.pointerId);
  if (moved && held?.n) keep(held.n);
  held = null;
};
map.addEventListener('click', e => { if (moved) e.preventDefault(), moved = false }, true);
map.addEventListener('wheel', e => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.12 : .89, point(e)) }, { passive: false });
map.onkeydown = e => {
  const n = e.target.closest('.node'), step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] }[e.key];
  if (!step || !n) return;
  e.preventDefault();
  if (e.shiftKey && save) { const [x, y] = spot(n); place(n, x + step[0], y + step[1]); keep(n) }
  else { view[0] += step[0] * 3; view[1] += step[1] * 3; draw() }
};
const bar = document.getElementById('zoom');
bar.hidden = false;
bar.onclick = e => {
  const by = +e.target.dataset.zoom;
  if (!by) view = [...home];
  zoom(by || 1, { x: view[0] + view[2] / 2, y: view[1] + view[3] / 2 });
};
