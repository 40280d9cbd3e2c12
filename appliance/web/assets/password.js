// New passwords: how strong, and whether both are the same. The server decides in any case.
document.querySelectorAll('[data-strength]').forEach(input => {
  const form = input.form, again = form.querySelector('[name=again]');
  const meter = Object.assign(document.createElement('meter'), { max: 4, low: 2, high: 3, optimum: 4, ariaLabel: 'Strength' });
  const word = document.createElement('output'), line = Object.assign(document.createElement('p'), { className: 'row' });
  line.append(meter, word);
  input.parentNode.after(line);
  form.addEventListener('input', () => {
    const v = input.value, alphabet = [[/[a-z]/, 26], [/[A-Z]/, 26], [/\d/, 10], [/[^a-zA-Z\d]/, 33]].reduce((n, [r, size]) => n + r.test(v) * size, 0);
    // Repeated characters count a third.
    const bits = Math.log2(alphabet || 1) * (v.length + 2 * new Set(v).size) / 3;
    meter.value = v.length < input.minLength ? 0 : bits < 40 ? 1 : bits < 55 ? 2 : bits < 75 ? 3 : 4;
    word.textContent = v && ['Too short', 'Weak', 'Fair', 'Good', 'Strong'][meter.value];
    again?.setCustomValidity(again.value == v ? '' : 'The two passwords differ.');
  });
});

// The console's link carries the setup token after the #, where no server or log sees it.
const token = document.querySelector('#setup [name=token]');
if (token && location.hash) {
  token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, '', location.pathname);
}
