// Every page, in both themes and three widths: what must never happen on any.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { api, onPage, sizes, wellBehaved } from './bed.mjs';
import { find, places, rooms, routerPlaces } from './places.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** All of it in dark; what depends on colours again in light, for the rest is the same. */
const rules = {
  dark: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag2aaa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  light: { type: 'rule', values: ['color-contrast', 'color-contrast-enhanced', 'link-in-text-block'] },
};

/** What axe finds serious or critical; it is injected by the debugger, since the policy forbids other scripts. */
async function barriers(page, runOnly) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(runOnly => window.axe.run(document, { runOnly, resultTypes: ['violations'] }), runOnly);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' and ')}`);
}

/** What sticks out to the right, if the page can be scrolled sideways. */
const tooWide = page => page.evaluate(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > clientWidth + 1)
    .slice(0, 3).map(e => e.outerHTML.slice(0, 120));
});

for (const theme of ['dark', 'light']) {
  for (const [name, place] of Object.entries({ ...places, ...routerPlaces, 'sign-in': '/sign-in', missing: '/no-such-page' })) {
    test(`${name} in ${theme} is well behaved, accessible and never too wide`, () => onPage({
      who: name === 'sign-in' ? undefined : 'owner', theme, colorScheme: theme,
    }, async page => {
      const answer = await page.goto(await find(place, path => api(page, path)));
      assert.equal(answer.status(), name === 'missing' ? 404 : 200);
      if (name === 'missing') page.faults.splice(0);
      const problems = {};
      for (const width of Object.keys(sizes).map(Number)) {
        await page.setViewportSize({ width, height: sizes[width] });
        const wide = await tooWide(page);
        // The whole page in sight: else what lies under the bar at the bottom counts as covered.
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ width, height: Math.max(height, sizes[width]) });
        const found = await barriers(page, rules[theme]);
        if (wide.length) problems[`${width} too wide`] = wide;
        if (found.length) problems[`${width} axe`] = found;
      }
      assert.deepEqual(problems, {});
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
  for (const place of Object.values({ ...places, ...routerPlaces })) {
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
