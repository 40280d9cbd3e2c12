// Measures how fast this browser gets bytes from the router and sends it some.
const form = document.querySelector('[data-device]'), go = form.querySelector('.go'), out = document.querySelector('.out');
const last = 8e3, warm = 1500, now = () => performance.now();
const show = (label, bps) => { out.textContent = out.textContent.replace(/[^\n]*$/, '') + label + ' ' + (bps / 8e6).toFixed(1) + ' MB/s'; };
const fine = r => { if (!r.ok) throw Error(r.status == 503 ? 'Another device is being tested. Try again in a moment.' : 'The router does not take this.'); return r; };
// Bits a second of what `step` counts, without the time in which it gathers speed.
async function measure(label, step) {
  const began = now();
  let all = 0, base = 0, from = began, bps = 0;
  while (now() - began < last) {
    const n = await step();
    if (n == null) break;
    all += n;
    const t = now();
    if (from == began && t - began > warm) from = t, base = all;
    else if (t > from) show(label, bps = (all - base) * 8e3 / (t - from));
  }
  out.textContent += '\n';
  return bps;
}
form.hidden = false;
form.onsubmit = async e => {
  e.preventDefault();
  go.disabled = true, out.hidden = false, out.textContent = '';
  try {
    const end = new AbortController(), reader = fine(await fetch(form.dataset.stream, { signal: end.signal })).body.getReader();
    form.down.value = await measure('Down', async () => { const { done, value } = await reader.read(); return done ? null : value.length; });
    end.abort();
    const noise = crypto.getRandomValues(new Uint8Array(65536));
    let size = 8;
    form.up.value = await measure('Up', async () => {
      const t = now(), body = new Blob(Array(size).fill(noise));
      fine(await fetch(form.dataset.sink, { method: 'POST', headers: { 'x-csrf': form.csrf.value }, body }));
      if (now() - t < 300 && size < 256) size *= 2;
      return body.size;
    });
    form.submit();
  } catch (error) {
    out.textContent += error.message, go.disabled = false;
  }
};
