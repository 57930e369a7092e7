// Records one history of each kind of order for test/histories.test.ts and `waybill upgrade --check`: `node test/histories/record.ts`.
// Run it when a new kind of story is added, and keep the old files: orders that began on old code must go on under new code.
// `--replace` removes them, which is right only while no installation runs the code that wrote them. `--only NAME`
// (repeatable) records some kinds.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import setup from '../global-setup.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { stories } from './stories.ts';

const { values } = parseArgs({ options: { replace: { type: 'boolean' }, only: { type: 'string', multiple: true } } });
const today = new Date().toISOString().slice(0, 10);

async function record(platform: Platform, name: string): Promise<void> {
  const story = stories[name];
  if (!story) throw new Error(`there is no story ${name}: choose one of ${Object.keys(stories).join(', ')}`);
  const history = await platform.history(await story(platform));
  const present = await readdir(import.meta.dirname);
  const file = `${name}.${today}.json`;
  const earlier = values.replace ? present.filter((other) => other !== file && other.startsWith(`${name}.`)) : [];
  await writeFile(new URL(file, import.meta.url), `${historyToJSON(history)}\n`);
  for (const other of earlier) await rm(new URL(other, import.meta.url));
  console.log(`recorded ${file}`);
}

const teardown = await setup();
try {
  await using platform = await openPlatform({
    mode: 'all',
    settings: { CUSTOMER_CHOICE_TIMEOUT: '5s', AUTHORIZATION_LIFETIME: '1d', AUTHORIZATION_RENEW_BEFORE: '1h' },
  });
  await platform.api.request('PUT', '/v1/fraud/settings', {
    limitPerCustomer: { amount: 40_000_000, currency: 'EUR' },
    reviewAbove: { amount: 30_000_000, currency: 'EUR' },
    maintenance: false,
  });
  for (const name of values.only ?? Object.keys(stories)) await record(platform, name);
} finally {
  await teardown();
}
