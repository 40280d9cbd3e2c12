// The command palette: go to a room, or search everything, by keyboard alone.
const make = (tag, props, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e };
const box = make('input', { placeholder: 'Go to or search', ariaLabel: 'Go to or search', role: 'combobox', autocomplete: 'off', ariaExpanded: 'true' });
const list = make('ul', { id: 'found', role: 'listbox', ariaLabel: 'Found' });
const dialog = make('dialog', { ariaLabel: 'Command palette' }, box, list);
let at = 0, asked = 0, links = [];

const mark = i => {
  at = (i + links.length) % (links.length || 1);
  links.forEach((l, n) => l.ariaSelected = n == at);
  links[at]?.scrollIntoView({ block: 'nearest' });
  box.setAttribute('aria-activedescendant', links[at]?.id || '');
};
const item = i => {
  const l = make('li', { role: 'option', id: 'found-' + links.length, onclick: () => location = i.href }, i.text, ' ', make('small', {}, i.hint));
  l.href = i.href;
  links.push(l);
  return l;
};
const show = groups => {
  links = [];
  list.replaceChildren(...groups.filter(g => g.items.length).flatMap(g => [make('li', { className: 'group', role: 'presentation' }, g.label), ...g.items.map(item)]));
  mark(0);
};
const look = async () => {
  const q = box.value.trim(), mine = ++asked, rooms = [...document.querySelectorAll('.rail a')].map(a => ({ text: a.querySelector('span').textContent, hint: '', href: a.href }));
  const here = { label: 'Go to', items: rooms.filter(r => r.text.toLowerCase().includes(q.toLowerCase())) };
  show([here]);
  if (q.length < 2) return;
  await new Promise(r => setTimeout(r, 120));
  if (mine != asked) return;
  const r = await fetch('/api/v1/search?q=' + encodeURIComponent(q));
  if (r.ok && mine == asked) show([here, ...(await r.json()).groups]);
};
box.setAttribute('aria-controls', 'found');
box.oninput = look;
box.onkeydown = e => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (step) e.preventDefault(), mark(at + step);
  if (e.key == 'Enter' && links[at]) location = links[at].href;
};
dialog.onclick = e => e.target == dialog && dialog.close();
document.body.append(dialog);

export const open = () => { if (!dialog.open) dialog.showModal(), box.select(), look() };
