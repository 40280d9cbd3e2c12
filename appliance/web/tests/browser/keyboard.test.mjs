// Everything by keyboard alone: no test in here touches the mouse.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPage } from './bed.mjs';

/** Presses Tab until what has the focus matches; fails after a tour of the page. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 250; presses++) {
    if (await page.evaluate(wanted => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never comes to ${selector}`);
}

test('the first Tab offers to skip to the content', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices');
  await page.keyboard.press('Tab');
  assert.ok(await page.locator('.skip').evaluate(a => a === document.activeElement && a.getBoundingClientRect().top >= 0));
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
}));

test('what has the focus is always seen', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices?interface=lan0');
  const unseen = [];
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const where = await page.evaluate(() => {
      const e = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(e), box = e.getBoundingClientRect();
      if (e === document.body || e.matches('dialog input')) return '';
      const covered = box.bottom <= 0 || box.top >= innerHeight || !box.width;
      return outlineStyle === 'none' || parseFloat(outlineWidth) < 2 || covered ? e.outerHTML.slice(0, 80) : '';
    });
    if (where) unseen.push(where);
  }
  assert.deepEqual(unseen, []);
}));

test('the list is searched, filtered, sorted and paged by keyboard', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices');
  await tabTo(page, '.bar [name=q]');
  await page.keyboard.type('brother');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=brother/);
  await tabTo(page, '.bar [name=interface]');
  await page.keyboard.type('lan1');
  await tabTo(page, '.bar button');
  await page.keyboard.press('Enter');
  await page.waitForURL(/interface=lan1/);
  for (const text of await page.locator('[data-list="devices"] > tr').allTextContents()) assert.match(text, /Brother[^]*lan1/);
  await tabTo(page, 'thead th:nth-of-type(4) a, thead th a[href*="address"]');
  await page.keyboard.press('Enter');
  await page.waitForURL(/sort=/);
  assert.ok(await page.locator('th[aria-sort]').count() === 1);
  await page.goto('/devices');
  await tabTo(page, '.pager [rel=next]');
  const before = page.url();
  await page.keyboard.press('Enter');
  await page.waitForURL(url => url.href !== before);
  assert.ok(await page.locator('[data-list="devices"] > tr').count() > 0);
}));

test('Ctrl-K opens the palette, which leads to a room, to a device, and away again', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/');
  await page.keyboard.press('Control+k');
  const box = page.getByRole('combobox', { name: 'Go to or search' });
  await box.waitFor();
  await page.keyboard.press('Escape');
  await box.waitFor({ state: 'hidden' });
  await page.keyboard.press('Control+k');
  await box.waitFor();
  await page.keyboard.type('topol');
  await page.locator('#found [aria-selected=true]', { hasText: 'Topology' }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/topology');
  await page.keyboard.press('Control+k');
  await box.waitFor();
  await page.keyboard.type('Annas-iPh');
  await page.locator('#found [role=option]', { hasText: 'Annas-iPhone' }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/devices\/\d+/);
  assert.equal(await page.locator('h1').textContent(), 'Annas-iPhone');
}));

test('the search box finds devices, alerts and events in groups', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/');
  await tabTo(page, '#q');
  await page.keyboard.type('Annas-iPhone');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/search\?q=Annas-iPhone/);
  assert.ok((await page.locator('main h2').allTextContents()).includes('Devices'));
  assert.ok(await page.locator('.hits a[href^="/devices/"]').count() >= 1);
}));

test('menus open with Enter and close with Escape, and the focus returns', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices');
  await tabTo(page, 'summary[aria-label^=Alerts]');
  await page.keyboard.press('Enter');
  await page.locator('.pop h2', { hasText: 'Alerts' }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await page.locator('.pop h2', { hasText: 'Alerts' }).waitFor({ state: 'hidden' });
  assert.ok(await page.evaluate(() => document.activeElement.matches('summary[aria-label^=Alerts]')));
}));
