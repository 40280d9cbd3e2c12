// Counts down to when a change of the router is undone, and then shows how it went.
const times = [...document.querySelectorAll('[data-deadline]')];
const skew = (document.body.dataset.now || Date.now()) - Date.now();
const tick = () => times.forEach(t => {
  const s = Math.max(0, Math.ceil((t.dataset.deadline - Date.now() - skew) / 1000));
  t.textContent = (s / 60 | 0) + ':' + String(s % 60).padStart(2, '0');
  if (!s && !t.done && !document.body.dataset.once) t.done = setTimeout(() => location.reload(), 4e3);
});
tick();
setInterval(tick, 1000);
