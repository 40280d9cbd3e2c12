// One picture a page and width, compared with the committed one in baseline/. The setup page, which is
// there only before the first account, is pictured by enter.test.mjs.

import { test } from 'node:test';
import { looksAsItShould, views } from './pictures.mjs';
import { places } from './places.mjs';

for (const view of views) {
  for (const [place, path] of Object.entries(places)) {
    test(`${place} at ${view.width} in ${view.theme} looks as it should`, () => looksAsItShould(place, path, view, 'owner'));
  }
  test(`sign-in at ${view.width} in ${view.theme} looks as it should`, () => looksAsItShould('sign-in', '/sign-in', view));
}
