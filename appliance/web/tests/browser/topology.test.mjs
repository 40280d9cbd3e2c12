// The map: what a person moves stays where it was put.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPage } from './bed.mjs';

const at = node => node.evaluate(n => n.getAttribute('transform'));

test('a device that is dragged stays there, until the positions are reset', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/topology');
  const key = await page.locator('.node.device').first().getAttribute('data-key');
  const node = page.locator(`.node[data-key="${key}"]`), before = await at(node);
  const box = await node.locator('circle').boundingBox(), x = box.x + box.width / 2, y = box.y + box.height / 2;
  const kept = page.waitForResponse(answer => answer.request().method() === 'PUT');
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 30, y + 20, { steps: 4 });
  await page.mouse.move(x + 60, y + 40, { steps: 4 });
  await page.mouse.up();
  assert.ok((await kept).ok(), `${(await kept).status()}`);
  const after = await at(node), near = text => text.match(/-?[\d.]+/g).map(Number);
  assert.notEqual(after, before);
  assert.ok(page.url().endsWith('/topology'), 'a drag is no click');
  await page.reload();
  near(await at(node)).forEach((value, i) => assert.ok(Math.abs(value - near(after)[i]) < 1, `${value} is not where it was left: ${after}`));
  assert.match(await node.getAttribute('class'), /pinned/);
  await page.getByRole('button', { name: 'Reset positions' }).click();
  await page.waitForLoadState();
  await page.getByRole('button', { name: 'Reset positions' }).waitFor({ state: 'detached' });
  assert.doesNotMatch(await node.getAttribute('class'), /pinned/);
}));

test('the map is moved by keyboard, and a device on it with Shift', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/topology');
  const node = page.locator('.node.device').first(), key = await node.getAttribute('data-key');
  await node.focus();
  const before = await at(node), kept = page.waitForResponse(answer => answer.request().method() === 'PUT');
  await page.keyboard.press('Shift+ArrowRight');
  assert.ok((await kept).ok());
  assert.notEqual(await at(page.locator(`.node[data-key="${key}"]`)), before);
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await page.getByRole('button', { name: 'Fit' }).click();
  await page.reload();
  await page.getByRole('button', { name: 'Reset positions' }).click();
}));

test('the tables under the map say the same as the map', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/topology');
  const drawn = await page.locator('.node.device').evaluateAll(all => all.map(n => n.getAttribute('href')).sort());
  const listed = await page.locator('details.card tbody a').evaluateAll(all => all.map(a => a.getAttribute('href')).sort());
  assert.ok(drawn.length > 0);
  for (const href of drawn) assert.ok(listed.includes(href), href);
}));
