// What must never happen on a page: barriers that axe finds serious, and a page that is too wide.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sizes } from './bed.mjs';

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

/** What is wrong with an open page at each width, by what is wrong; empty where nothing is. */
export async function problems(page, theme) {
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
  return problems;
}
