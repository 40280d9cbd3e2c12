// Colours: chosen once, kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPage } from './bed.mjs';

const ground = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

test('the theme changes without loading anew, and stays', () => onPage({ who: 'owner', theme: 'dark', colorScheme: 'dark' }, async page => {
  await page.goto('/devices');
  const dark = await ground(page), kept = page.waitForResponse('**/theme');
  await page.locator('#theme button').click();
  await page.waitForFunction(was => getComputedStyle(document.body).backgroundColor !== was, dark);
  const light = await ground(page);
  assert.ok((await kept).ok());
  await page.goto('/about');
  assert.equal(await ground(page), light);
  await page.locator('#theme button').click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'auto');
  assert.equal(await ground(page), dark, 'auto follows the system');
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(page), light);
}));
