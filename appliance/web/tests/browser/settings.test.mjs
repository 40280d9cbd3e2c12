// Settings, preferences and keys. What a shorter grace does is seen in effect.test.mjs, a minute later.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, onPage, shortenGrace } from './bed.mjs';

test('a shorter grace is kept', () => onPage({ who: 'owner' }, async page => {
  await shortenGrace(page);
  await page.reload();
  assert.equal(await page.getByLabel('Seconds until offline').inputValue(), '60');
}));

test('a value that cannot be is refused beside its field', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/settings');
  const section = page.locator('#presence');
  await section.getByLabel('Seconds until offline').fill('-4');
  await section.getByRole('button', { name: 'Save' }).click();
  await section.locator('.err').waitFor();
  await page.goto('/settings');
  assert.notEqual(await section.getByLabel('Seconds until offline').inputValue(), '-4');
  page.faults.splice(0, page.faults.length, ...page.faults.filter(fault => !fault.includes('status of 4')));
}));

test('rows a page is obeyed by the lists', () => onPage({ who: 'owner' }, async page => {
  const rows = page.locator('[data-list="devices"] > tr');
  await page.goto('/account');
  await page.getByLabel('Rows a page').selectOption({ index: 0 });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  const few = Number(await page.getByLabel('Rows a page').inputValue());
  await page.goto('/devices');
  assert.equal(await rows.count(), few);
}));

test('a change of the settings is in the audit log with its author', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/audit?action=settings.');
  assert.match(await page.locator('.log li').first().textContent(), /ada/);
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.locator('main .flash.ok').first().waitFor();
}));

test('news do not take the answer to a form away', () => onPage({ who: 'owner' }, async page => {
  let heard = 0;
  await page.routeWebSocket('**/live', socket => socket.onMessage(() => { heard++; socket.send('{"v":1,"resync":true}') }));
  await page.goto('/account');
  await page.getByLabel('Name of a new key').fill('kettle');
  const asked = heard;
  await page.getByRole('button', { name: 'Make key' }).click();
  const key = page.locator('.flash code');
  await key.waitFor();
  while (heard <= asked) await page.waitForTimeout(100);
  // Whatever the news start would be answered before this is.
  await api(page, '/devices');
  await page.waitForTimeout(500);
  assert.ok(await key.isVisible());
  await page.goto('/account');
  await page.getByRole('link', { name: 'Revoke …' }).click();
  await page.locator('.ask button').click();
  await page.waitForURL('**/account');
}));

test('an API key is shown once, works, and is revoked', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/account');
  await page.getByLabel('Name of a new key').fill('lamp');
  await page.getByRole('button', { name: 'Make key' }).click();
  const key = (await page.locator('.flash code').textContent()).trim();
  const ask = () => page.request.get('/api/v1/devices', { headers: { authorization: `Bearer ${key}`, cookie: '' } });
  assert.equal((await ask()).status(), 200);
  await page.goto('/account');
  assert.equal(await page.getByText(key).count(), 0);
  await page.getByRole('link', { name: 'Revoke …' }).click();
  await page.locator('.ask button').click();
  await page.waitForURL('**/account');
  assert.equal((await ask()).status(), 401);
  assert.ok((await api(page, '/devices')).items.length);
}));
