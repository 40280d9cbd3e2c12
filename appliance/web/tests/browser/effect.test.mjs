// What the settings changed, a while ago, has its effect.

import { test } from 'node:test';
import { lab, onPage, shortenGrace } from './bed.mjs';

test('with a shorter grace a host that left goes offline on the open page, and comes back', () => onPage({ who: 'owner' }, async page => {
  await page.goto(`/devices?q=${await shortenGrace(page)}`);
  await page.locator('tbody .st', { hasText: 'Offline' }).waitFor({ timeout: 120_000 });
  await lab('host', 'join', 'ben-iphone');
  await page.locator('tbody .st', { hasText: 'Online' }).waitFor({ timeout: 15_000 });
}));
