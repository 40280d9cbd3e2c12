// The router's pages: what its own programs say, figures that move, and a change of a firewall rule
// that is kept, and one that undoes itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, onPage } from './bed.mjs';

const rule = '/router/firewall/ipv4/forward/filter/20';

test('the routes are those that FRR has, with those that the provider announces', () => onPage({ who: 'owner' }, async page => {
  // The lab's session with the provider comes up within seconds of the lab.
  for (let tries = 0; tries < 60; tries++) {
    if ((await lab('vtysh', '-c', 'show ip route 198.51.100.0/24')).includes('bgp')) break;
    await page.waitForTimeout(500);
  }
  await page.goto('/router/routes');
  const row = network => page.getByRole('row').filter({ hasText: network });
  assert.match(await row('198.51.100.0/24').innerText(), /bgp/i);
  assert.match(await row('10.200.0.0/16').innerText(), /static/i);
  assert.equal(await page.getByText('could not tell').count(), 0, 'these are the kernel\'s');
}));

test('figures of the overview move on the open page', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/router');
  await page.locator('#live.ok').waitFor();
  const loads = [];
  page.on('framenavigated', frame => loads.push(frame.url()));
  const figures = () => page.locator('.gauge strong').allInnerTexts();
  const before = (await figures()).join();
  await page.waitForFunction(before => [...document.querySelectorAll('.gauge strong')]
    .map(e => e.innerText).join() !== before, before);
  assert.deepEqual(loads, [], 'the page was loaded anew');
}));

test('this browser measures its way to the router, and the outcome has a page', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/router/tools/device');
  await page.getByRole('button', { name: 'Test now' }).click();
  await page.waitForURL(/\/router\/tools\/speed\/\d+$/, { timeout: 60_000 });
  const figures = await page.locator('.figures strong').allInnerTexts();
  assert.equal(figures.length, 2);
  for (const figure of figures) assert.match(figure, /^[1-9][\d.,]* [MG]bit\/s$/);
}));

test('an OpenVPN file is chosen, read and shown as a change without its keys', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/router/vpn/openvpn');
  await page.getByLabel('The file of your provider').setInputFiles(new URL('../../../vyos/tests/data/client.ovpn', import.meta.url).pathname);
  await page.getByLabel('User name for the server').fill('anna');
  await page.getByLabel('Password for the server').fill('s3cr3t-9');
  await page.getByRole('button', { name: 'Read the file' }).click();
  await page.getByRole('link', { name: 'Look at the change' }).click();
  await page.waitForURL(/\/router\/plans\//);
  const commands = await page.getByRole('region', { name: 'Commands' }).innerText();
  assert.match(commands, /remote-host vpn\.example\.net/);
  assert.ok(!commands.includes('s3cr3t-9'), commands);
}));

/** Changes the rule's description, looks at the plan and applies it; answers the change's page. */
async function describe(page, words) {
  await page.goto(rule);
  await page.getByLabel('Description').fill(words);
  await page.getByRole('button', { name: 'Review the change' }).click();
  await page.waitForURL(/\/router\/plans\//);
  const commands = await page.getByRole('region', { name: 'Commands' }).innerText();
  assert.ok(commands.includes(`set firewall ipv4 forward filter rule 20 description '${words}'`), commands);
  await page.getByLabel('Undo it unless I keep it within').selectOption('1');
  await page.getByRole('button', { name: 'Apply' }).dblclick();
  // The second click breaks the first one's way off, and leads to the same page.
  const there = () => page.waitForURL(/\/router\/changes\/\d+$/);
  await there().catch(there);
  return page.url();
}

const description = async page => {
  await page.goto(rule);
  return page.getByLabel('Description').inputValue();
};

test('a rule is changed: looked at, applied, counted down, kept', () => onPage({ who: 'owner' }, async page => {
  const change = await describe(page, 'Things stay among themselves');
  const clock = page.locator('[data-deadline]').first();
  const first = await clock.innerText();
  await page.waitForFunction(first => document.querySelector('[data-deadline]').innerText !== first, first);
  // It is on every page.
  await page.goto('/devices');
  await page.locator('.flash.wait').getByRole('button', { name: 'Keep' }).click();
  await page.locator('.flash.ok').waitFor();
  await page.goto(change);
  assert.match(await page.locator('main').innerText(), /kept/);
  assert.equal(await page.locator('[data-deadline]').count(), 0);
  assert.equal(await description(page), 'Things stay among themselves');
}));

test('a change that nobody keeps undoes itself, and the open page says so', () => onPage({ who: 'owner' }, async page => {
  const before = await description(page);
  const change = await describe(page, 'Nobody keeps this');
  assert.equal(await description(page), 'Nobody keeps this');
  await page.goto(change);
  // The page loads itself anew some seconds after the minute is over.
  await page.getByText('Nobody kept it in time').waitFor({ timeout: 90_000 });
  assert.equal(await page.locator('[data-deadline]').count(), 0);
  assert.equal(await description(page), before);
}));
