// What all tests share: one Chromium with a fresh profile, the lab's appliance, people who are
// signed in, and pages that are watched for what must never happen.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const need = name => process.env[name] ?? assert.fail(`${name} is not set: start the suite with ./run`);

/** Where the lab shows its page. */
export const address = need('TESTED_SITE');

/** The token that the console would print. */
export const setupToken = need('TESTED_SETUP_TOKEN');

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Widths that every page must be usable at, with heights that go with them. */
export const sizes = { 360: 740, 768: 1024, 1440: 900 };

/** The people of the suite; the owner is made on the setup page, the viewer by the owner. */
export const people = {
  owner: { name: 'ada', password: 'lighthouse keeper paints doors' },
  viewer: { name: 'victor', password: 'window seat with a good view' },
};

const run = promisify(execFile);

/** Runs scripts/lab with these words; answers what it printed. */
export const lab = async (...words) => (await run(`${root}scripts/lab`, words)).stdout.trim();

/** Asks for an address of the router from a host of the lab; answers the status, or 0 where nobody answers. */
export const askFrom = async (host, address) => {
  const words = ['netns', 'exec', `pnk-${need('LAB_NAME')}-${host}`, 'curl', '-sk', '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', address];
  return run('ip', words).then(({ stdout }) => Number(stdout), () => 0);
};

let browser;
const jars = {}, windows = new Map();

async function start() {
  if (browser?.isConnected()) return browser;
  if (browser) console.error('Chromium ended by itself, and is started again');
  windows.clear();
  return browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--no-first-run', '--font-render-hinting=none', '--disable-lcd-text', '--force-color-profile=srgb'],
  });
}

/** Ends Chromium. */
export const stop = () => browser?.close();

/** A fresh window: cookies of its own, signed in as `who` if given, script on or off, theme kept as a cookie. */
export async function visit({ who, script = true, width = 1440, height = sizes[width], theme = 'dark', ...more } = {}) {
  const context = await (await start()).newContext({
    // The lab's certificate is signed by an authority of its own that nobody has been told to trust.
    ignoreHTTPSErrors: true,
    javaScriptEnabled: script,
    baseURL: address,
    viewport: { width, height },
    deviceScaleFactor: 1,
    locale: 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    ...more,
  });
  context.setDefaultTimeout(30_000);
  await enter(context, who, theme);
  return context;
}

async function enter(context, who, theme) {
  await context.clearCookies();
  if (who) await context.addCookies([await entered(who),
    { name: '__Host-panoptikon-theme', value: theme, url: address, secure: true }]);
}

/** A window as `visit` gives it. A new one takes Chromium a second, so one that was handed back is taken, with the
    cookies of a fresh one. */
async function borrow(options) {
  await start();
  const { who, theme = 'dark', ...kind } = options, key = JSON.stringify(kind), free = windows.get(key) ?? [];
  windows.set(key, free);
  const context = free.pop();
  if (!context) return { context: await visit(options), free };
  await enter(context, who, theme);
  return { context, free };
}

/** The session cookie of one of the people; made once, and again after `forget`. */
async function entered(who) {
  jars[who] ??= signIn(who);
  return jars[who];
}

async function signIn(who) {
  if (who !== 'owner') await entered('owner');
  const context = await visit();
  const page = await context.newPage();
  await page.goto('/sign-in');
  if (new URL(page.url()).pathname === '/setup') await setUp(page);
  else await fillSignIn(page, people[who].name, people[who].password);
  const cookie = (await context.cookies()).find(({ name }) => name.startsWith('__Host-'));
  assert.ok(cookie, `${who} is not signed in`);
  await context.close();
  return cookie;
}

/** Makes the owner on the setup page. */
export async function setUp(page) {
  await page.goto('/setup');
  await page.getByLabel('Setup token').fill(setupToken);
  await page.getByLabel('Your name').fill(people.owner.name);
  await page.getByLabel('Password', { exact: true }).fill(people.owner.password);
  await page.getByLabel('The same again').fill(people.owner.password);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.waitForURL(url => url.pathname !== '/setup');
}

/** Fills and sends the sign-in form. */
export async function fillSignIn(page, name, password) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForLoadState();
}

/** A page that notes each error of its console, violation of the content policy, failed or foreign request. */
export async function watch(context) {
  const page = await context.newPage(), faults = [];
  page.on('console', message => { if (message.type() === 'error') faults.push(`console: ${message.text()}`); });
  page.on('pageerror', error => faults.push(`script: ${error.message}`));
  page.on('request', request => {
    const url = new URL(request.url());
    if (url.origin !== address && url.protocol !== 'data:') faults.push(`request to ${url.origin}`);
  });
  page.on('websocket', socket => {
    if (new URL(socket.url()).host !== new URL(address).host) faults.push(`socket to ${socket.url()}`);
  });
  await page.addInitScript(() => addEventListener('securitypolicyviolation', event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`)));
  page.faults = faults;
  return page;
}

/** Fails when the watched page noted anything; forgets it afterwards. */
export const wellBehaved = (page, where) => assert.deepEqual(page.faults.splice(0), [], where);

/** Runs `body` with a watched page of a window as `visit` gives it, and looks at what was noted. */
export async function onPage(options, body) {
  const { context, free } = await borrow(options);
  try {
    const page = await watch(context);
    await body(page, context);
    wellBehaved(page, page.url());
  } finally {
    await Promise.all(context.pages().map(page => page.close()));
    free.push(context);
  }
}

/** Asks the API as the page does; answers its JSON. */
export async function api(page, path) {
  const answer = await page.request.get(`/api/v1${path}`);
  assert.equal(answer.status(), 200, `GET /api/v1${path}`);
  return answer.json();
}

/** Opens a device by a part of its name, through the list. */
export async function openDevice(page, name) {
  const link = page.getByRole('rowheader').getByRole('link', { name }).first();
  // It may be yet to say its name, and a list that is searched grows by loading it anew only.
  do await page.goto(`/devices?q=${encodeURIComponent(name)}`); while (!await link.count());
  await link.click();
  await page.waitForURL(/\/devices\/\d+$/);
}

let shortened;
/** Sets the shortest grace there is and pulls a phone's cable; answers the phone's name. Done once. */
export const shortenGrace = page => shortened ??= (async () => {
  await page.goto('/settings#presence');
  const section = page.locator('#presence');
  await section.getByLabel('Seconds until offline').fill('60');
  await section.getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  assert.equal(await section.getByLabel('Seconds until offline').inputValue(), '60');
  // It must have said its name before it leaves, or nobody finds it by that.
  await page.goto('/devices?q=Bens-iPhone');
  for (let tries = 0; tries < 60 && !await page.locator('tbody .st').count(); tries++) {
    await page.waitForTimeout(1_000);
    await page.reload();
  }
  assert.ok(await page.locator('tbody .st').count(), 'the iPhone has not said its name within a minute');
  await page.goto('/settings#presence');
  await lab('host', 'leave', 'ben-iphone');
  return 'Bens-iPhone';
})();
