// What needs attention: read, answered, muted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPage } from './bed.mjs';

const badge = page => page.locator('.top .badge[data-count="alerts-unread"]');

test('an alert is acknowledged with a note, which is shown with the name of who wrote it', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/alerts');
  const row = page.locator('[data-list="alerts"] > li').first(), id = await row.getAttribute('id');
  await row.locator('summary').first().click();
  await row.getByText('Acknowledge', { exact: true }).first().click();
  await row.getByLabel('Note').fill('It is the <b>new</b> phone');
  await row.getByRole('button', { name: 'Acknowledge' }).click();
  await page.waitForLoadState();
  await page.goto(`/alerts/${id.replace('alert-', '')}`);
  const said = page.locator('.said').first();
  assert.match(await said.textContent(), /Acknowledged by ada/);
  assert.equal(await said.locator('q').textContent(), 'It is the <b>new</b> phone');
  assert.equal(await said.locator('b').count(), 0);
}));

test('an alert is given to a person, and resolved', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/alerts');
  await page.goto(`/alerts/${(await page.locator('[data-list="alerts"] > li').nth(1).getAttribute('id')).replace('alert-', '')}`);
  await page.getByLabel('Looked after by').selectOption({ label: 'ada' });
  await page.getByRole('button', { name: 'Assign' }).click();
  await page.locator('.flash.ok').waitFor();
  await page.getByRole('button', { name: 'Resolve' }).click();
  await page.locator('.tag', { hasText: 'Resolved' }).first().waitFor();
  assert.match(await page.locator('.said').first().textContent(), /Resolved by ada/);
}));

test('everything is muted for an hour, says who did it, and is heard again', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/alerts');
  const menu = page.locator('main .menu', { hasText: 'Mute everything' });
  // News may replace the menu between the press of the button and its release; a person clicks again.
  while (await menu.getAttribute('open') === null) await menu.locator('summary').click();
  await menu.getByRole('button', { name: '1 hour' }).click();
  const muted = page.locator('.flash.warn', { hasText: 'muted by ada' });
  await muted.waitFor();
  await muted.getByRole('button', { name: 'Unmute' }).click();
  await muted.waitFor({ state: 'detached' });
}));

test('all alerts are read with one button, and the bell falls silent on every open page', () => onPage({ who: 'owner' }, async (page, context) => {
  const other = await context.newPage();
  await other.goto('/devices');
  await other.locator('#live.ok').waitFor();
  await page.goto('/alerts');
  assert.ok(await badge(page).isVisible());
  await page.getByRole('button', { name: 'Mark all read' }).first().click();
  await page.waitForLoadState();
  await badge(page).waitFor({ state: 'hidden' });
  await badge(other).waitFor({ state: 'hidden' });
  assert.equal(await page.locator('[data-list="alerts"] > .unread').count(), 0);
}));

test('one alert is deleted after a question', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/alerts');
  const id = (await page.locator('[data-list="alerts"] > li').last().getAttribute('id')).replace('alert-', '');
  await page.goto(`/alerts/${id}`);
  await page.getByRole('link', { name: /Delete/ }).click();
  await page.locator('.ask button').click();
  await page.waitForURL(url => url.pathname === '/alerts');
  assert.equal((await page.request.get(`/alerts/${id}`)).status(), 404);
}));
