// One picture a page and width, compared with the committed one in baseline/: the layout, not the
// data. What differs from run to run is evened out before: texts become words of one length, lists
// keep few rows, tones and icons become the same, charts keep their frame only. `run --update` renews.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';
import { api, root, visit } from './bed.mjs';
import { find } from './places.mjs';

const baseline = new URL('baseline/', import.meta.url);
const found = `${root}target/browser/`;
const update = Boolean(process.env.TESTED_UPDATE);

/** A pixel differs beyond this distance in colour (0 to 1, pixelmatch); anti-aliased edges do not count. */
const COLOUR = 0.2;
/** The part of a picture's pixels that may differ. A line of text that moved by its height is about 0.01. */
const TOLERANCE = 0.004;

/** What is pictured: wide and dark at half size, narrow and light at full size. */
export const views = [
  { width: 1440, height: 1000, theme: 'dark', deviceScaleFactor: 0.5 },
  { width: 360, height: 1300, theme: 'light', deviceScaleFactor: 1 },
];
/** Shades a channel is rounded to: files a third as large. */
const SHADE = 17;

// In the page: evens out what varies.
function evenOut() {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const drop = selector => all(selector).forEach(e => e.remove());
  const style = document.createElement('style');
  style.textContent = `
    * { font-family: "DejaVu Sans" !important; animation: none !important; transition: none !important; caret-color: transparent !important }
    code, pre, kbd, .mono { font-family: "DejaVu Sans Mono" !important }
    .find kbd, #live { visibility: hidden }
    .spark *, .strip *, .chart :is(.area, .line, text), .ring > *, .meter rect, .bars svg * { visibility: hidden }
    .map { visibility: hidden; aspect-ratio: 2; height: auto }
    footer { visibility: hidden }`;
  document.head.append(style);
  drop('#toasts > *, main > .flash, .badge, main .tag, .since, .key, .mini, main .menu .pop');
  all('.unread').forEach(e => e.classList.remove('unread'));
  // Lists keep few rows.
  const keep = (selector, most) => all(selector).forEach(list => [...list.children].slice(most).forEach(e => e.remove()));
  keep('[data-list=devices]', 6);
  keep('.log, .feed, .hits, .bars, .story, .caps, ul.plain', 3);
  keep('.list:not(.devs) tbody', 1);
  keep('dl.facts', 3);
  keep('.story, .parts', 1);
  drop('.list:not(.devs) tbody small, [aria-label="Services heard"], .twin, [action^="/account/sessions"]');
  all('.list tbody :is(th, td)').forEach(cell => { if (!cell.textContent.trim() && !cell.children.length) cell.textContent = 'x'; });
  keep('.map', 0);
  // Tones and icons are the same everywhere.
  for (const tone of ['warn', 'bad', 'info', 'new', 'quiet', 'un']) all(`main .${tone}`).forEach(e => e.classList.replace(tone, 'ok'));
  all('main :is(th, h2, li, dd, .glyph) .i use').forEach(use => use.setAttribute('href', use.getAttribute('href').replace(/#.*/, '#laptop')));
  // Texts that come from data: one word of five letters for each line.
  const data = 'time, [data-list] :is(td, th, h2, p, small, span), .log :is(summary, small, span), .list tbody :is(td, th), .feed :is(span, li), '
    + '.hits span, .story span, .bars :is(span, b), dl.facts :is(dd, dt), ul.plain li, .big strong, .parts :is(small, strong, span), .parts a, .figures strong, '
    + '.dev-head h1, .st, .tabs a span, .pager span, .brand small, .caps p, .caps .st, .card.stat .name, .verdict, #scanning, .ask :is(li, h1), '
    + '.said, .do span, .card > p:not([class]), .meta > *, .mapbox ~ details summary :is(h2, small), .note';
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    if (text.textContent.trim() && text.parentElement.closest(data)) text.textContent = 'Words';
  }
  all('main select').forEach(s => { s.replaceChildren(new Option('Choice')); });
  all('main :is(input:not([type=checkbox]), textarea)').forEach(i => { i.value = ''; });
  all('.hint, .lead, .crumb').forEach(p => { if (/\d/.test(p.textContent)) p.textContent = 'Words and words.'; });
  document.activeElement?.blur();
  scrollTo(0, 0);
}

/** The picture of an address, evened out. */
async function picture(page, path, view) {
  await page.setViewportSize(view);
  await page.goto(await find(path, at => api(page, at)));
  await page.evaluate(evenOut);
  await page.evaluate(() => document.fonts.ready);
  const png = PNG.sync.read(await page.screenshot());
  png.data.forEach((value, i) => { png.data[i] = Math.round(value / SHADE) * SHADE; });
  return png;
}

/** One page for all pictures of a view and person. */
const pages = new Map();
async function pageOf(view, who) {
  const key = `${who} ${view.theme}`;
  if (!pages.has(key)) {
    // The evening-out needs a style of its own, which the content policy forbids to everybody else.
    const page = await (await visit({ who, bypassCSP: true, colorScheme: view.theme, ...view })).newPage();
    // No live update changes the page while it is looked at.
    await page.addInitScript(() => { window.WebSocket = class { close() {} }; });
    pages.set(key, page);
  }
  return pages.get(key);
}
after(() => Promise.all([...pages.values()].map(page => page.context().close())));

const save = (folder, name, png) => writeFileSync(folder + name, PNG.sync.write(png, { colorType: 2, deflateLevel: 9, filterType: -1 }));

if (update) mkdirSync(baseline, { recursive: true });
rmSync(found, { recursive: true, force: true });

/** Compares a place's picture with the committed one, or renews that; `who` is signed in, if given. */
export async function looksAsItShould(place, path, view, who) {
  const name = `${place}-${view.width}-${view.theme}.png`;
  const seen = await picture(await pageOf(view, who), path, view), file = new URL(name, baseline);
  if (update) return save(baseline.pathname, name, seen);
  assert.ok(existsSync(file), `there is no baseline/${name}; make it with: run --update ${place === 'setup' ? 'enter' : 'pictures'}`);
  const wanted = PNG.sync.read(readFileSync(file)), { width, height } = wanted, diff = new PNG({ width, height });
  const same = seen.width === width && seen.height === height;
  const part = same ? pixelmatch(wanted.data, seen.data, diff.data, width, height, { threshold: COLOUR }) / (width * height) : 1;
  if (part > TOLERANCE) {
    mkdirSync(found, { recursive: true });
    save(found, name, seen);
    if (same) save(found, name.replace('.png', '.diff.png'), diff);
  }
  assert.ok(same, `it is ${seen.width}x${seen.height}, and should be ${width}x${height}; see target/browser/${name}`);
  assert.ok(part <= TOLERANCE, `${(part * 100).toFixed(2)} % of the pixels differ; see target/browser/${name}`);
}
