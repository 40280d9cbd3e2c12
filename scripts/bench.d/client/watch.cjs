// Opens /devices in Chromium and prints "row MAC INSTANT" when a device's row is first on the page,
// with the instant in ms since 1970. Usage: node watch.cjs ADDRESS WAY-IN

const { readFileSync } = require('node:fs');
const { chromium } = require('playwright-core');

const [address, wayIn] = process.argv.slice(2);

(async () => {
  const { cookie } = JSON.parse(readFileSync(wayIn, 'utf8'));
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.addCookies([{ name: '__Host-panoptikon', value: cookie, url: address, secure: true, httpOnly: true,
    sameSite: 'Strict' }]);
  const page = await context.newPage();
  page.on('console', (message) => console.error(message.text()));
  await page.exposeFunction('tellRow', (mac, instant) => process.stdout.write(`row ${mac} ${instant}\n`));
  const live = page.waitForEvent('websocket', { timeout: 15000 });
  await page.goto(`${address}/devices`);
  await live;
  await page.evaluate(() => {
    const known = new Set();
    const look = (tell) => {
      const instant = Date.now();
      const list = document.querySelector('[data-list="devices"]');
      for (const mac of (list?.textContent ?? '').toLowerCase().match(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g) ?? []) {
        if (known.has(mac)) continue;
        known.add(mac);
        if (tell) window.tellRow(mac, instant);
      }
    };
    look(false);
    new MutationObserver(() => look(true)).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  process.stdout.write('ready\n');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
