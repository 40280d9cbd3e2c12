// Every page, in both themes and three widths: what must never happen on any.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, onPage, wellBehaved } from './bed.mjs';
import { problems } from './looks.mjs';
import { find, flowPlaces, hostPlaces, places, rooms, routerPlaces } from './places.mjs';

for (const theme of ['dark', 'light']) {
  for (const [name, place] of Object.entries({ ...places, ...routerPlaces, ...flowPlaces, ...hostPlaces, 'sign-in': '/sign-in', missing: '/no-such-page' })) {
    test(`${name} in ${theme} is well behaved, accessible and never too wide`, () => onPage({
      who: name === 'sign-in' ? undefined : 'owner', theme, colorScheme: theme,
    }, async page => {
      const answer = await page.goto(await find(place, path => api(page, path)));
      assert.equal(answer.status(), name === 'missing' ? 404 : 200);
      if (name === 'missing') page.faults.splice(0);
      assert.deepEqual(await problems(page, theme), {});
      wellBehaved(page, name);
    }));
  }
}

test('the navigation leads to every room, and marks where one is', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/about');
  for (const room of rooms) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: room }).click();
    await page.waitForLoadState();
    assert.equal(await page.locator('.rail [aria-current=page] span').textContent(), room);
    assert.match(await page.title(), new RegExp(`^${room}`));
  }
}));

test('no link of any page leads to nothing', () => onPage({ who: 'owner' }, async page => {
  const links = new Set();
  for (const place of Object.values({ ...places, ...routerPlaces, ...flowPlaces, ...hostPlaces })) {
    await page.goto(await find(place, path => api(page, path)));
    for (const href of await page.locator('a[href^="/"]').evaluateAll(all => all.map(a => a.getAttribute('href')))) {
      // One of each kind: a table has many rows.
      links.add(href.replace(/#.*/, ''));
    }
  }
  const kinds = new Map([...links].map(href => [href.replace(/\d+/g, 'N').replace(/=[^&]*/g, '='), href]));
  const dead = [];
  for (const href of kinds.values()) {
    const status = (await page.request.get(href, { maxRedirects: 0 })).status();
    if (status >= 400) dead.push(`${href}: ${status}`);
  }
  assert.deepEqual(dead, []);
}));
