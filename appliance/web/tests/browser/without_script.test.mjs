// With script switched off every page reads, and every form works.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, fillSignIn, onPage, openDevice, people } from './bed.mjs';
import { find, places, routerPlaces } from './places.mjs';

const off = { who: 'owner', script: false };

test('without script every page reads', () => onPage(off, async page => {
  for (const [name, place] of Object.entries({ ...places, ...routerPlaces })) {
    assert.equal((await page.goto(await find(place, path => api(page, path)))).status(), 200, name);
    assert.ok(await page.locator('h1').first().isVisible(), name);
    assert.ok((await page.locator('main').innerText()).length > 30, name);
  }
}));

test('without script the list is filtered', () => onPage(off, async page => {
  await page.goto('/devices');
  await page.getByLabel('Search', { exact: true }).fill('Annas-iPhone');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/q=Annas-iPhone/);
  assert.equal(await page.locator('[data-list="devices"] > tr').count(), 1);
}));

test('without script a device is corrected', () => onPage(off, async page => {
  await openDevice(page, 'Pixel-8');
  await page.locator('#correct > summary').click();
  await page.getByLabel('Notes').fill('Written without script');
  await page.locator('#correct').getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  assert.equal(await page.locator('p.pre').textContent(), 'Written without script');
}));

test('without script the theme is chosen', () => onPage({ ...off, theme: 'dark' }, async page => {
  await page.goto('/about');
  await page.locator('#theme button').click();
  await page.waitForLoadState();
  assert.equal(new URL(page.url()).pathname, '/about');
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'light');
}));

test('without script a scan is started', () => onPage(off, async page => {
  await page.goto('/devices');
  const button = page.getByRole('button', { name: 'Scan now' });
  if (await button.isDisabled()) return;
  await button.click();
  await page.waitForLoadState();
  assert.equal(new URL(page.url()).pathname, '/devices');
  assert.ok(await page.locator('.flash:visible').count() >= 1, 'it says that it began');
}));

test('without script an alert is acknowledged from the list', () => onPage(off, async page => {
  await page.goto('/alerts?status=active');
  const row = page.locator('[data-list="alerts"] > li').first();
  await row.locator('summary').first().click();
  await row.getByText('Acknowledge', { exact: true }).first().click();
  await row.getByLabel('Note').fill('seen without script');
  await row.getByRole('button', { name: 'Acknowledge' }).click();
  await page.locator('.flash.ok').waitFor();
}));

test('without script a person signs in and out', () => onPage({ script: false }, async page => {
  await page.goto('/sign-in');
  await fillSignIn(page, people.owner.name, people.owner.password);
  await page.locator('.who').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(url => url.pathname === '/sign-in');
  await page.goto('/devices');
  assert.equal(new URL(page.url()).pathname, '/sign-in');
}));
