import { randomBytes } from 'node:crypto';
import { runSql, testServerUrl } from '@waybill/embedded/test-database';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from './log.ts';
import { migrateDatabase } from './migrate.ts';
import { databaseName, databaseUrl, provisionDatabases } from './provision.ts';

const log = silentLogger;

function bed(...services: string[]) {
  const prefix = `p${randomBytes(5).toString('hex')}`;
  const adminUrl = testServerUrl();
  const names = services.map((service) => databaseName(prefix, service));
  onTestFinished(async () => {
    for (const name of names) await runSql(adminUrl, `drop database if exists ${name} with (force)`, `drop role if exists ${name}`);
  });
  const url = (service: string, password: string) => databaseUrl({ serverUrl: adminUrl, prefix, service, password });
  return { prefix, adminUrl, url };
}

const connects = async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.end();
};

test('each service gets a database and a login of its own, and cannot enter another', async () => {
  const { prefix, adminUrl, url } = bed('orders', 'codec-server');
  const password = `it's "odd" / @ : % ü`;
  const services = [
    { name: 'orders', password },
    { name: 'codec-server', password: 'two' },
  ];
  await provisionDatabases({ adminUrl, prefix, services, log });
  expect(new URL(url('codec-server', 'two')).pathname).toBe(`/${prefix}_codec_server`);
  await connects(url('codec-server', 'two'));
  expect(await migrateDatabase({ url: url('orders', password), folders: [], log })).toContain('0001-outbox');
  const foreign = new URL(url('orders', password));
  foreign.pathname = `/${prefix}_codec_server`;
  await expect(connects(foreign.href)).rejects.toThrow(/permission denied/);
  await expect(connects(url('orders', 'wrong'))).rejects.toThrow(/password/);
});

test('doing it again, and many at once, changes nothing but the password that was given', async () => {
  const { prefix, adminUrl, url } = bed('orders', 'billing');
  const services = (password: string) => ['orders', 'billing'].map((name) => ({ name, password }));
  await Promise.all(Array.from({ length: 4 }, () => provisionDatabases({ adminUrl, prefix, services: services('one'), log })));
  await runSql(url('orders', 'one'), 'create table kept (id integer)');
  await provisionDatabases({ adminUrl, prefix, services: services('new'), log });
  await runSql(url('orders', 'new'), 'select * from kept');
  await expect(connects(url('orders', 'one'))).rejects.toThrow(/password/);
});

test('an administrator who is no superuser can provision too', async () => {
  const { prefix, adminUrl, url } = bed('orders');
  const admin = `${prefix}_admin`;
  await runSql(adminUrl, `create role ${admin} login createrole createdb password 'x'`);
  onTestFinished(() =>
    runSql(adminUrl, `drop database if exists ${prefix}_orders with (force)`, `drop role if exists ${prefix}_orders`, `drop role ${admin}`),
  );
  const limited = new URL(adminUrl);
  limited.username = admin;
  limited.password = 'x';
  for (const password of ['one', 'two'])
    await provisionDatabases({ adminUrl: limited.href, prefix, services: [{ name: 'orders', password }], log });
  await connects(url('orders', 'two'));
});
