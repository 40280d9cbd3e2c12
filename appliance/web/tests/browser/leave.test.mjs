// The way out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillSignIn, onPage, people } from './bed.mjs';

test('who signs out is out, and the back button shows nothing', () => onPage({}, async page => {
  await page.goto('/sign-in');
  await fillSignIn(page, people.owner.name, people.owner.password);
  await page.goto('/devices');
  const jar = await page.context().cookies();
  await page.locator('.who').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(url => url.pathname === '/sign-in');
  await page.goBack();
  await page.waitForLoadState();
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  await page.context().addCookies(jar);
  await page.goto('/devices');
  assert.equal(new URL(page.url()).pathname, '/sign-in', 'the old cookie is worth nothing');
}));
