// The way in: setup with the console's token, and signing in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askFrom, fillSignIn, onPage, people, setUp, wellBehaved } from './bed.mjs';
import { problems } from './looks.mjs';
import { looksAsItShould, views } from './pictures.mjs';

const { owner } = people;

test('the LAN is let in, the Internet is not', async () => {
  assert.equal(await askFrom('imac', 'https://192.168.50.1:8443/setup'), 200);
  assert.equal(await askFrom('wan', 'https://203.0.113.2:8443/setup'), 0);
});

test('nobody gets past the setup page of a router that is not claimed', () => onPage({}, async page => {
  await page.goto('/devices');
  assert.equal(new URL(page.url()).pathname, '/setup');
}));

for (const theme of ['dark', 'light']) {
  test(`setup in ${theme} is well behaved, accessible and never too wide`, () => onPage({ theme, colorScheme: theme }, async page => {
    assert.equal((await page.goto('/setup')).status(), 200);
    assert.deepEqual(await problems(page, theme), {});
    wellBehaved(page, 'setup');
  }));
}

for (const view of views) {
  test(`setup at ${view.width} in ${view.theme} looks as it should`, () => looksAsItShould('setup', '/setup', view));
}

test('the setup page says how strong a password is, and that the second one differs', () => onPage({}, async page => {
  await page.goto('/setup');
  const password = page.getByLabel('Password', { exact: true }), meter = page.getByRole('meter', { name: 'Strength' });
  const said = [];
  for (const typed of ['short', 'aaaaaaaaaa', 'lantern7', owner.password]) {
    await password.fill(typed);
    said.push([Number(await meter.evaluate(m => m.value)), await page.locator('meter + output').textContent()]);
  }
  assert.deepEqual(said, [[0, 'Too short'], [1, 'Weak'], [1, 'Weak'], [4, 'Strong']]);
  const again = page.getByLabel('The same again');
  await again.fill('something else');
  assert.equal(await again.evaluate(input => input.validationMessage), 'The two passwords differ.');
  await again.fill(owner.password);
  assert.equal(await again.evaluate(input => input.validationMessage), '');
}));

test('the link of the console brings its token along, and takes it out of the address', () => onPage({}, async page => {
  await page.goto('/setup#ABCD-EFGH');
  assert.equal(await page.getByLabel('Setup token').inputValue(), 'ABCD-EFGH');
  assert.equal(new URL(page.url()).hash, '');
}));

test('a wrong setup token is refused beside its field, and what was typed stays', () => onPage({}, async page => {
  await page.goto('/setup');
  await page.getByLabel('Setup token').fill('AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG');
  await page.getByLabel('Your name').fill(owner.name);
  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByLabel('The same again').fill(owner.password);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.locator('#token-hint.err').waitFor();
  const token = page.getByLabel('Setup token');
  assert.equal(await token.getAttribute('aria-invalid'), 'true');
  assert.match(await page.locator('#token-hint').textContent(), /token/i);
  assert.equal(await page.getByLabel('Your name').inputValue(), owner.name);
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '');
  page.faults.splice(0, page.faults.length, ...page.faults.filter(fault => !fault.includes('status of 4')));
}));

test('the token of the console makes the first account, and works once', () => onPage({}, async page => {
  await setUp(page);
  assert.equal(new URL(page.url()).pathname, '/');
  await page.goto('/setup');
  assert.equal(new URL(page.url()).pathname, '/');
}));

test('a page that needs a sign-in comes back to it afterwards', () => onPage({}, async page => {
  await page.goto('/devices?status=online');
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  await fillSignIn(page, owner.name, owner.password);
  const { pathname, search } = new URL(page.url());
  assert.equal(pathname + search, '/devices?status=online');
}));

test('a wrong password is refused without telling whether the name exists', () => onPage({}, async page => {
  const told = [];
  for (const name of [owner.name, 'nobody']) {
    await page.goto('/sign-in');
    await fillSignIn(page, name, 'not the password');
    told.push((await page.getByRole('alert').textContent()).trim());
    assert.equal(new URL(page.url()).pathname, '/sign-in');
  }
  assert.equal(told[0], told[1]);
  assert.notEqual(told[0], '');
  page.faults.splice(0, page.faults.length, ...page.faults.filter(fault => !fault.includes('status of 4')));
}));

test('the sign-in form leads nowhere but to this site', () => onPage({}, async page => {
  await page.goto('/sign-in?next=https://example.org/');
  await fillSignIn(page, owner.name, owner.password);
  assert.equal(new URL(page.url()).pathname, '/');
}));
