// What happens on the network is on the open page at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, onPage } from './bed.mjs';

/** From the first frame of a new host to its row, in milliseconds. */
const SOON = 2000;

/** Of a maker: made-up addresses wait a moment for what tells whether they are a known phone. */
const mac = '00:1b:21:6e:65:77';

/** Notes when a text that contains `needle` is first inside `selector`. */
const awaitText = (page, selector, needle) => page.evaluate(([selector, needle]) => new Promise(found => {
  const look = () => [...document.querySelectorAll(selector)].some(e => e.textContent.includes(needle)) && found(Date.now());
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}), [selector, needle]);

test('a new host is a row of the open device list within two seconds, without loading anew', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices');
  await page.locator('#live.ok').waitFor();
  const loads = [];
  page.on('framenavigated', frame => loads.push(frame.url()));
  const seen = awaitText(page, '[data-list="devices"] tr', mac);
  const count = await page.locator('.tabs a').first().textContent();
  const first = Number(await lab('host', 'add', 'fresh', mac, 'laptop', 'Fresh-Laptop'));
  const took = await seen - first;
  assert.ok(took < SOON, `it took ${took} ms`);
  assert.deepEqual(loads, [], 'the page was loaded anew');
  await page.waitForFunction(before => document.querySelector('.tabs a').textContent !== before, count);
}));

test('a host that tells its name gets it on the open page', () => onPage({ who: 'owner' }, async page => {
  await page.goto(`/devices?q=${mac}`);
  await awaitText(page, '[data-list="devices"] tr', 'Fresh-Laptop');
}));

test('news of the whole page close nothing that a person opened, and replace the rest', () => onPage({ who: 'owner' }, async page => {
  let server;
  await page.routeWebSocket(/./, socket => { server = socket; socket.connectToServer(); });
  await page.goto('/events');
  await page.locator('#live.ok').waitFor();
  const first = page.locator('.log li').first();
  const news = () => server.send(JSON.stringify({ v: 1, resync: true }));
  const stain = () => page.evaluate(() => { document.querySelector('main h1').dataset.old = ''; });

  await first.locator('summary').click();
  const id = await first.getAttribute('id');
  await stain();
  news();
  await page.locator('main h1:not([data-old])').waitFor();
  assert.ok(await page.locator(`#${id} details`).evaluate(d => d.open), 'the opened event is closed');

  await page.goto('/alerts');
  await page.locator('#live.ok').waitFor();
  await stain();
  await page.getByText('Mute everything').click();
  news();
  await page.locator('#toasts', { hasText: 'has news' }).waitFor();
  assert.equal(await page.locator('main h1:not([data-old])').count(), 0, 'the page was replaced');
  assert.ok(await page.getByRole('button', { name: '1 hour' }).isVisible());
}));

/** Opens a page whose server can be spoken for; answers with what that takes. */
async function spokenFor(page, path) {
  let server;
  await page.routeWebSocket(/./, socket => { server = socket; socket.connectToServer(); });
  await page.goto(path);
  await page.locator('#live.ok').waitFor();
  const fresh = page.locator('main h1:not([data-old])');
  return {
    fresh,
    say: message => server.send(JSON.stringify({ v: 1, ...message })),
    stain: () => page.evaluate(() => { document.querySelector('main h1').dataset.old = ''; }),
    replaced: () => fresh.waitFor(),
    kept: async () => assert.equal(await fresh.count(), 0, 'the page was replaced'),
  };
}

test('no refusal takes the place of a page, which tries again', () => onPage({ who: 'owner' }, async page => {
  const { say, stain, replaced, kept } = await spokenFor(page, '/events');
  const answers = [route => route.fulfill({ status: 503, contentType: 'text/html', body: '<main id="main"><h1>Busy</h1></main>' }), route => route.abort()];
  await page.route('**/events', route => (answers.shift() ?? (route => route.continue()))(route));
  await stain();
  const refused = page.waitForResponse(answer => answer.status() === 503);
  say({ resync: true });
  await refused;
  await kept();
  // After ten seconds, and after ten more.
  await replaced();
  assert.equal(answers.length, 0);
  // Chromium itself notes both refusals.
  assert.equal(page.faults.splice(0).filter(fault => !fault.startsWith('console: Failed to load')).length, 0);
}));

test('a page whose session has ended leads to the sign-in', () => onPage({ who: 'owner' }, async (page, context) => {
  const { say } = await spokenFor(page, '/events');
  await context.clearCookies();
  say({ resync: true });
  await page.waitForURL(url => url.pathname === '/sign-in');
  page.faults.splice(0);
}));
