import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { setLoginPassword } from '@waybill/kernel/provision';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../platform/api.ts';
import { openPlatform, type Platform, type ServiceName } from '../platform/platform.ts';

const names: readonly ServiceName[] = ['catalog', 'inventory', 'orders', 'billing', 'shipping'];
const processes = [['gateway'], names.map((name) => `${name}-api`), names.map((name) => `${name}-worker`)];

let platform: Platform;
beforeAll(async () => {
  platform = await openPlatform({ mode: 'all', processes, secretFiles: true });
}, 180_000);
afterAll(() => platform?.[Symbol.asyncDispose](), 60_000);

/** Longer than a process takes to look at a file again. */
const untilRead = () => delay(1_500);

/** Places and reads orders, this many at a time, until it is stopped. Every answer that is not a success is a failure. */
function load(width: number, key: () => string) {
  const failures: string[] = [];
  let answers = 0;
  let ended = false;
  const one = async () => {
    while (!ended) {
      const api = createApi(platform.url, key());
      try {
        const { id } = await api.place();
        await api.order(id);
        answers += 2;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const all = Promise.all(Array.from({ length: width }, one));
  return {
    async stop() {
      ended = true;
      await all;
      return { failures, answers };
    },
  };
}

/** Sessions of each service's login that were opened since. */
async function openedSince(since: Date): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: platform.adminUrl });
  await client.connect();
  const { rows } = await client.query<{ usename: string }>('select usename from pg_stat_activity where backend_start > $1', [since]);
  await client.end();
  return new Set(rows.map(({ usename }) => usename));
}

async function dropSessions(application: string): Promise<void> {
  const client = new pg.Client({ connectionString: platform.adminUrl });
  await client.connect();
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1 and usename like $2', [
    application,
    `${platform.login('orders')}%`,
  ]);
  await client.end();
}

test('the passwords of all databases are replaced under load without one failed request', async () => {
  const key = () => platform.secret('ADMIN_API_KEY');
  const calm = load(1, key);
  const setting = (name: ServiceName) => `${name.toUpperCase()}_DATABASE_PASSWORD`;
  const fresh = Object.fromEntries(names.map((name) => [name, randomBytes(12).toString('hex')])) as Record<ServiceName, string>;
  const old = Object.fromEntries(names.map((name) => [name, platform.secret(setting(name))])) as Record<ServiceName, string>;

  for (const name of names) await platform.changeSecret(setting(name), `${old[name]}\n${fresh[name]}\n`);
  await untilRead();
  const switched = new Date();
  for (const name of names) await setLoginPassword({ adminUrl: platform.adminUrl, login: platform.login(name), password: fresh[name] });
  // More at once than before, so that every pool must open connections with what the server knows now; and the sessions beside
  // the pools must come back by themselves.
  const first = load(10, key);
  await dropSessions('relay%');
  await dropSessions('listener');
  await delay(2_000);
  for (const name of names) await platform.changeSecret(setting(name), `${fresh[name]}\n${old[name]}\n`);
  await untilRead();
  for (const name of names) await platform.changeSecret(setting(name), fresh[name]);
  await untilRead();
  const second = load(20, key);
  await delay(2_000);

  for (const one of [calm, first, second]) {
    const { failures, answers } = await one.stop();
    expect(failures).toEqual([]);
    expect(answers).toBeGreaterThan(10);
  }
  const opened = await openedSince(switched);
  // A pool that had enough connections opens none; the sessions of the orders service were made to.
  expect(opened).toContain(platform.login('orders'));
  expect(opened.size).toBeGreaterThan(1);
  await expect(refused(old.orders)).resolves.toMatch(/password/);
  const { status } = await platform.readyz(processes[1]?.join(' ') ?? '');
  expect(status).toBe(200);
}, 120_000);

async function refused(password: string): Promise<string> {
  const url = new URL(platform.databaseUrl('orders'));
  url.password = password;
  const client = new pg.Client({ connectionString: url.href });
  return client.connect().then(
    () => client.end().then(() => 'it was let in'),
    (error: Error) => error.message,
  );
}

test('the keys between processes and the API key are replaced under load without one failed request', async () => {
  const oldKey = platform.secret('ADMIN_API_KEY');
  const oldRing = platform.secret('SERVICE_TOKEN_KEYS');
  const newKey = `wbk_${randomBytes(24).toString('hex')}`;
  const newEntry = `s2:${randomBytes(32).toString('base64')}`;
  let key = oldKey;
  const running = load(4, () => key);

  await platform.changeSecret('SERVICE_TOKEN_KEYS', `${oldRing},${newEntry}`);
  await platform.changeSecret('ADMIN_API_KEY', `${oldKey}\n${newKey}\n`);
  await untilRead();
  await platform.changeSecret('SERVICE_TOKEN_KEYS', `${newEntry},${oldRing}`);
  await platform.changeSecret('ADMIN_API_KEY', `${newKey}\n${oldKey}\n`);
  key = newKey;
  await untilRead();
  await delay(31_000); // tokens are minted anew once per half of their minute
  await platform.changeSecret('SERVICE_TOKEN_KEYS', newEntry);
  await platform.changeSecret('ADMIN_API_KEY', newKey);
  await untilRead();

  const { failures, answers } = await running.stop();
  expect(failures).toEqual([]);
  expect(answers).toBeGreaterThan(100);
  expect((await createApi(platform.url, oldKey).get('/v1/orders')).status).toBe(401);
  expect((await createApi(platform.url, newKey).get('/v1/orders')).status).toBe(200);
}, 120_000);

test('a secret that becomes unreadable changes nothing but the log', async () => {
  const ring = platform.secret('SERVICE_TOKEN_KEYS');
  await platform.changeSecret('SERVICE_TOKEN_KEYS', 'nonsense');
  await platform.changeSecret('ORDERS_DATABASE_PASSWORD', '\n');
  await untilRead();
  const running = load(2, () => platform.secret('ADMIN_API_KEY'));
  await delay(1_000);
  expect((await running.stop()).failures).toEqual([]);
  expect(await platform.log()).toContain('cannot be used, going on with those in memory');
  await platform.changeSecret('SERVICE_TOKEN_KEYS', ring);
}, 60_000);
