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

/** Opens a page to which nobody but the test speaks on the live channel; answers with what that takes. */
async function spokenFor(page, path) {
  let server;
  await page.routeWebSocket(/./, socket => { server = socket; });
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

test('news of the whole page close nothing that a person opened, and replace the rest', () => onPage({ who: 'owner' }, async page => {
  const { say, stain, replaced } = await spokenFor(page, '/events');
  const first = page.locator('.log li').first();
  await first.locator('summary').click();
  const id = await first.getAttribute('id');
  await stain();
  say({ resync: true });
  await replaced();
  assert.ok(await page.locator(`#${id} details`).evaluate(d => d.open), 'the opened event is closed');
}));

test('an open menu holds the page still', () => onPage({ who: 'owner' }, async page => {
  const { say, stain, kept } = await spokenFor(page, '/alerts');
  await stain();
  await page.getByText('Mute everything').click();
  say({ resync: true });
  await page.locator('#toasts', { hasText: 'has news' }).waitFor();
  await kept();
  assert.ok(await page.getByRole('button', { name: '1 hour' }).isVisible());
}));

test('a page holds still only while something in it differs, and says so once', () => onPage({ who: 'owner' }, async page => {
  const { say, stain, replaced, kept } = await spokenFor(page, '/devices');
  const box = page.locator('[data-list="devices"] input[type=checkbox]').first(), news = page.locator('#toasts .flash', { hasText: 'has news' });
  const letGo = () => page.evaluate(() => document.activeElement.blur());
  await stain();
  await box.check();
  await letGo();
  say({ resync: true });
  say({ resync: true });
  await news.first().waitFor();
  assert.equal(await news.count(), 1);
  await kept();

  await box.uncheck();
  await letGo();
  say({ resync: true });
  await replaced();
  assert.equal(await page.locator('#news').count(), 0, 'the notice outlived the news');
}));

test('what comes while a page is loaded anew is not lost, and pages are loaded one at a time', () => onPage({ who: 'owner' }, async page => {
  const { say, stain, replaced } = await spokenFor(page, '/events');
  const id = await page.locator('.log li').first().getAttribute('id');
  // Each answer is held back until it is let go.
  const asked = [], gates = [], arrivals = [];
  const [first, second] = [0, 1].map(at => new Promise(done => { arrivals[at] = done; }));
  await page.route('**/events', async route => {
    const at = asked.push(route.request().headers()['x-refresh']) - 1;
    await new Promise(done => { gates[at] = done; arrivals[at]?.(); });
    await route.continue();
  });
  // Messages are read in their order: once the last one was, so were all.
  await page.evaluate(() => {
    const { parse } = JSON;
    window.told = new Promise(done => { JSON.parse = text => { if (text.includes('came meanwhile')) done(); return parse(text); }; });
  });
  await stain();
  say({ resync: true });
  await first;
  say({ resync: true });
  say({ resync: true });
  say({ patches: [{ id, text: 'came meanwhile' }] });
  await page.evaluate(() => window.told);
  gates[0]();
  // It is on the new page; what was asked for meanwhile is one more load.
  await second;
  await page.waitForFunction(id => document.getElementById(id)?.textContent === 'came meanwhile'
    && !document.querySelector('main h1[data-old]'), id, { timeout: 10_000 });
  await stain();
  gates[1]();
  await replaced();
  assert.deepEqual(asked, ['1', '1']);
}));

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
