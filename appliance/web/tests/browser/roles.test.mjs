// A viewer looks, and changes nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, onPage, people } from './bed.mjs';
import { find, places } from './places.mjs';

const { name, password } = people.viewer;

test('an administrator adds a person with a role', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/settings/people');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.locator('form[action="/settings/people"] [name=role]').selectOption({ label: 'viewer' });
  await page.getByLabel('First password').fill(password);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.locator('.flash.ok').waitFor();
  assert.ok(await page.getByRole('rowheader', { name }).count());
}));

test('a viewer is offered nothing that changes anything', () => onPage({ who: 'viewer' }, async page => {
  const offered = [];
  for (const place of Object.values(places)) {
    const path = await find(place, path => api(page, path));
    const status = (await page.goto(path)).status();
    if (status === 403) {
      assert.ok((await page.locator('main').textContent()).length > 40, `${path} says why`);
      page.faults.splice(0);
      continue;
    }
    assert.equal(status, 200, path);
    const forms = await page.locator('main form[method=post]').evaluateAll(all => all.map(f => f.getAttribute('action')));
    const own = path === '/account' ? /^\/account\// : /^$/;
    const odd = forms.filter(action => !own.test(action));
    // The form around the list is there, but has nothing to send it with.
    offered.push(...odd.filter(action => action !== '/devices/mark').map(action => `${path}: ${action}`));
    const buttons = await page.locator('main :is(button, .btn)').allTextContents();
    offered.push(...buttons.filter(text => /scan|wake|save|correct|add|forget|merge|mark|mute|acknowledge|resolve|delete|reset/i.test(text) && path !== '/account')
      .map(text => `${path}: ${text.trim()}`));
  }
  assert.deepEqual(offered, []);
}));

test('a viewer who sends a form by hand is refused', () => onPage({ who: 'viewer' }, async page => {
  await page.goto('/devices');
  const csrf = await page.locator('body').getAttribute('data-csrf'), { items } = await api(page, '/devices');
  for (const [path, form] of [[`/devices/${items[0].id}`, { name: 'mine' }], ['/scan', {}], ['/settings/presence', { grace: '60' }], ['/alerts/read', {}]]) {
    const answer = await page.request.post(path, { form: { csrf, ...form }, headers: { origin: new URL(page.url()).origin }, maxRedirects: 0 });
    assert.equal(answer.status(), 403, path);
  }
}));
