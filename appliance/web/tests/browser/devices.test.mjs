// The list and one device: find, correct, mark, add, forget, export.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, onPage, openDevice } from './bed.mjs';

const rows = page => page.locator('[data-list="devices"] > tr');
const names = page => page.locator('[data-list="devices"] > tr > th > a').allTextContents();

test('filters, search and sorting are in the address, and the list obeys them', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices');
  await page.locator('.bar [name=interface]').selectOption('lan0');
  await page.getByLabel('Search', { exact: true }).fill('apple');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/q=apple/);
  const { searchParams } = new URL(page.url());
  assert.deepEqual([searchParams.get('q'), searchParams.get('interface')], ['apple', 'lan0']);
  assert.ok(await rows(page).count() >= 4);
  for (const text of await rows(page).allTextContents()) assert.match(text, /lan0/);
  const found = await names(page);
  assert.ok(found.includes('Annas-iPhone') && !found.includes('Galaxy-S23'), `${found}`);
  await page.getByRole('columnheader', { name: 'Device' }).getByRole('link').click();
  await page.waitForURL(/sort=/);
  const sorted = await names(page);
  await page.getByRole('columnheader', { name: 'Device' }).getByRole('link').click();
  await page.waitForFunction(first => document.querySelector('[data-list="devices"] th a').textContent !== first, sorted[0]);
  assert.deepEqual(await names(page), sorted.toReversed?.() ?? [...sorted].reverse());
  assert.equal(new URL(page.url()).searchParams.get('q'), 'apple', 'sorting keeps the search');
  await page.getByRole('link', { name: 'Clear' }).click();
  await page.waitForURL(url => !url.searchParams.has('q'));
}));

test('pages of the list follow one another without a gap or a repetition', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices?interface=lan1&sort=ip');
  const links = () => page.locator('[data-list="devices"] th > a').evaluateAll(all => all.map(a => a.pathname));
  const first = await links();
  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL(/after=|cursor=|before=|page=/);
  const second = await links();
  assert.ok(first.length && second.length);
  assert.equal(new Set([...first, ...second]).size, first.length + second.length);
}));

test('cards show the same devices as the table', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices?interface=lan0');
  const table = await rows(page).locator('th > a').evaluateAll(all => all.map(a => a.pathname).sort());
  await page.getByRole('link', { name: 'Cards' }).click();
  await page.waitForURL(/view=cards/);
  assert.deepEqual(await page.locator('.cards h2 > a').evaluateAll(all => all.map(a => a.pathname).sort()), table);
}));

test('what a person corrects stays through a scan, and HTML in notes is only text', () => onPage({ who: 'owner' }, async page => {
  const notes = '<img src=x onerror="document.title=1"><b>bold</b>\n<script>document.title=2</script>', name = 'Front <i>desk</i> & hall';
  await openDevice(page, 'Galaxy-S23');
  const here = page.url();
  await page.locator('#correct > summary').click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Operating system').fill('Android 14');
  await page.getByLabel('Tags').fill('hall, <u>loan</u>');
  await page.getByLabel('Notes').fill(notes);
  await page.getByLabel('Importance').selectOption({ index: 1 });
  await page.locator('#correct').getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  const inert = async () => {
    assert.equal(await page.locator('h1').textContent(), name);
    assert.equal((await page.locator('p.pre').textContent()).replace(/\r/g, ''), notes);
    assert.equal(await page.locator('main :is(img, script, i, u, .pre b)').count(), 0);
    assert.match(await page.title(), /Front <i>desk<\/i> & hall/);
  };
  await inert();
  assert.ok(await page.getByText('by hand').count() >= 1);
  const scan = page.getByRole('button', { name: 'Scan now' });
  // While the appliance scans by itself the button is off.
  do await page.goto('/devices'); while (await scan.isDisabled());
  await scan.click();
  await page.waitForLoadState();
  await page.goto(here);
  await inert();
  await page.goto(`/devices?q=${encodeURIComponent('Front <i>')}`);
  assert.deepEqual(await names(page), [name]);
}));

test('an empty field gives the device back to automation', () => onPage({ who: 'owner' }, async page => {
  await openDevice(page, 'Front <i>desk</i>');
  await page.locator('#correct > summary').click();
  await page.getByLabel('Name', { exact: true }).fill('');
  await page.locator('#correct').getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  assert.equal(await page.locator('h1').textContent(), 'Galaxy-S23');
}));

test('a correction that cannot be kept is refused beside its field, and nothing typed is lost', () => onPage({ who: 'owner' }, async page => {
  await openDevice(page, 'Galaxy-S23');
  await page.locator('#correct > summary').click();
  const long = 'x'.repeat(500);
  await page.getByLabel('Name', { exact: true }).fill(long);
  await page.getByLabel('Brand').fill('Kept');
  await page.locator('#correct').getByRole('button', { name: 'Save' }).click();
  await page.locator('#correct .err').first().waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), long);
  assert.equal(await page.getByLabel('Brand').inputValue(), 'Kept');
  page.faults.splice(0, page.faults.length, ...page.faults.filter(fault => !fault.includes('status of 4')));
}));

test('several devices are marked as known at once', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices?interface=lan0&status=unknown');
  const unknown = async () => Number(await page.locator('[data-count="devices-unknown"]').first().textContent());
  const before = await unknown();
  await rows(page).nth(0).getByRole('checkbox').check();
  await rows(page).nth(1).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Mark known', exact: true }).click();
  await page.locator('.flash.ok').waitFor();
  assert.equal(await unknown(), before - 2);
}));

test('a device is added by hand, and forgotten after a question', () => onPage({ who: 'owner' }, async page => {
  await page.goto('/devices/new');
  await page.getByLabel('Hardware address').fill('02:00:5e:10:20:30');
  await page.getByLabel('Name', { exact: true }).fill('Christmas lights');
  await page.getByRole('button', { name: 'Add device' }).click();
  await page.waitForURL(/\/devices\/\d+$/);
  assert.equal(await page.locator('h1').textContent(), 'Christmas lights');
  await page.getByText('Merge or forget').click();
  await page.getByRole('link', { name: /Forget/ }).click();
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByText('Merge or forget').click();
  await page.getByRole('link', { name: /Forget/ }).click();
  await page.locator('.ask').getByRole('button').click();
  await page.waitForURL(/\/devices(\?|$)/);
  assert.equal((await api(page, '/devices?q=Christmas')).items.length, 0);
}));

test('the list is exported as it is filtered, and no cell is a formula', () => onPage({ who: 'owner' }, async page => {
  await openDevice(page, 'Galaxy-S23');
  await page.locator('#correct > summary').click();
  await page.getByLabel('Name', { exact: true }).fill('=HYPERLINK("x")');
  await page.locator('#correct').getByRole('button', { name: 'Save' }).click();
  await page.locator('.flash.ok').waitFor();
  await page.goto('/devices?q=hyperlink');
  await rows(page).first().waitFor();
  await page.getByText('Export').click();
  const csv = await (await page.request.get(await page.getByRole('link', { name: 'As CSV' }).getAttribute('href'))).text();
  const json = await (await page.request.get(await page.getByRole('link', { name: 'As JSON' }).getAttribute('href'))).json();
  // News may be putting rows anew at this moment: they are waited for.
  const lines = csv.trim().split('\n').length - 1;
  await rows(page).nth(lines - 1).waitFor();
  assert.equal(await rows(page).count(), lines);
  assert.equal((json.items ?? json.devices ?? json).length, lines);
  assert.ok(csv.includes('HYPERLINK') && !/(^|,)"?[=+\-@]/m.test(csv), csv.match(/.*HYPERLINK.*/)?.[0]);
}));
