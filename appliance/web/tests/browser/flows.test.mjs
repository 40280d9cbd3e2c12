// Traffic: filters that point at what is wrong, times, locations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPage } from './bed.mjs';

test('a filter at fault is marked at its column, and mended by typing', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/flows/explore');
  const filter = page.getByLabel('Filter');
  await filter.fill('dport 443 and colour red');
  await page.getByRole('button', { name: 'Show' }).click();
  const lines = (await page.locator('#e-filter pre').textContent()).split('\n');
  assert.deepEqual(lines, ['dport 443 and colour red', '^'.padStart(15)]);
  assert.equal(await filter.getAttribute('aria-invalid'), 'true');
  // The console tells of the 422 that is meant here.
  page.faults.splice(0);
  await filter.fill('dport 443');
  await page.getByRole('button', { name: 'Show' }).click();
  assert.equal(await page.locator('#e-filter').count(), 0);
  assert.match(page.url(), /filter=dport\+443/);
}));

test('a time goes along from page to page of traffic by its address alone', () => onPage({ who: 'owner', script: false }, async page => {
  await page.goto('/flows/explore?range=7d&by=service');
  assert.equal(await page.locator('.seg [aria-current]').textContent(), '7 d');
  await page.getByRole('button', { name: 'Show' }).click();
  assert.equal(await page.locator('.seg [aria-current]').textContent(), '7 d');
  assert.equal(await page.locator('[name=by]').inputValue(), 'service');
}));

test('a location is named, changed and deleted', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/flows/locations');
  await page.getByLabel('Name').fill('Branch');
  await page.getByLabel('Networks').fill('203.0.113.0/24');
  await page.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row', { name: 'Branch' });
  await row.getByRole('link', { name: 'Edit' }).click();
  await page.getByLabel('Latitude, degrees').fill('48.4');
  await page.getByLabel('Longitude, degrees').fill('10');
  await page.getByRole('button', { name: 'Save' }).click();
  assert.match(await row.textContent(), /48\.4°, 10°/);
  await row.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  assert.equal(await row.count(), 0);
}));
