import { connect, createServer } from 'node:net';
import { freePort } from '@waybill/embedded/ports';
import { testServerUrl } from '@waybill/embedded/test-database';
import { type Logger, silentLogger } from '@waybill/kernel/log';
import { expect, onTestFinished, test } from 'vitest';
import { migrateAll } from './migrate.ts';
import { loadMigrationSettings } from './settings.ts';
import { openInstallation } from './testing.ts';

/** The test run's PostgreSQL at another port, where nothing listens before `open`. */
async function laterServer() {
  const { hostname, port: realPort } = new URL(testServerUrl());
  const port = await freePort();
  const proxy = createServer((socket) => {
    const server = connect(Number(realPort), hostname);
    for (const one of [socket, server]) one.on('error', () => {});
    socket.pipe(server).pipe(socket);
  });
  onTestFinished(() => void proxy.close());
  const url = new URL(testServerUrl());
  url.port = String(port);
  return { url: url.href, open: () => proxy.listen(port, '127.0.0.1') };
}

test('a migration waits for a PostgreSQL that is not there yet, and says so once', async () => {
  const server = await laterServer();
  await using installation = openInstallation({ DATABASE_URL: server.url, MIGRATE_WAIT: '30s' });
  const said: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    child: () => silentLogger,
    warn(message, fields) {
      said.push({ message, ...fields });
      setTimeout(server.open, 1_500); // two looks later
    },
  };
  const applied = await migrateAll(loadMigrationSettings({ environment: installation.environment }), log);
  expect(applied.orders.length).toBeGreaterThan(0);
  expect(said).toEqual([{ message: 'waiting for the database', reason: expect.stringContaining('ECONNREFUSED') }]);
});

test('a migration that has waited long enough ends with the reason', async () => {
  const { url } = await laterServer();
  await using installation = openInstallation({ DATABASE_URL: url, MIGRATE_WAIT: '1s' });
  await expect(installation.migrate()).rejects.toThrow(
    /^PostgreSQL cannot be reached, and was not for 1 s, so the databases are not migrated: connect ECONNREFUSED/,
  );
});

test('a refused login is not waited for', async () => {
  const url = new URL(testServerUrl());
  url.username = 'nobody';
  url.password = 'wrong';
  await using installation = openInstallation({ DATABASE_URL: url.href, MIGRATE_WAIT: '1h' });
  await expect(installation.migrate()).rejects.toThrow(/nobody/);
});
