// Runs the test files in one process, so that they share one Chromium, one lab and one setup.
// Their order is that of a person who gets to know the place; each can also run alone.

import { after } from 'node:test';
import { stop } from './bed.mjs';

const all = ['enter', 'pictures', 'settings', 'live', 'every_page', 'devices', 'keyboard', 'theme', 'alerts', 'topology', 'router', 'flows', 'roles',
  'without_script', 'effect', 'speed', 'leave'];
const wanted = process.argv.slice(2);
const unknown = wanted.filter(name => !all.includes(name));
if (unknown.length) throw new Error(`no tests ${unknown}; there are: ${all.join(' ')}`);
for (const name of wanted.length ? all.filter(name => wanted.includes(name)) : all) await import(`./${name}.test.mjs`);
after(stop);
