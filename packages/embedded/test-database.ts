import { randomBytes } from 'node:crypto';
import { type Database, openDatabase } from '@waybill/kernel/database';
import { silentLogger } from '@waybill/kernel/log';
import { migrateDatabase } from '@waybill/kernel/migrate';
import pg from 'pg';

export type TestDatabase<T> = AsyncDisposable & { database: Database<T>; url: string };

/** The admin address of the PostgreSQL that the test run started. */
export function testServerUrl(): string {
  // biome-ignore lint/style/noProcessEnv: the run's global set-up hands it to the test processes this way
  const url = process.env['TEST_POSTGRES_URL'];
  if (!url) throw new Error('TEST_POSTGRES_URL is not set: start the tests with vitest, whose global set-up starts PostgreSQL');
  return url;
}

/** Runs statements one by one on a connection of their own. */
export async function runSql(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A database of its own in the given server, empty. */
export async function createScratchDatabase(serverUrl = testServerUrl()): Promise<AsyncDisposable & { url: string }> {
  const name = `t_${process.pid}_${randomBytes(6).toString('hex')}`;
  await runSql(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => runSql(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

/** A migrated database of its own, gone when the scope ends. */
export async function openTestDatabase<T>(options: {
  folders: readonly URL[];
  max?: number;
  serverUrl?: string;
}): Promise<TestDatabase<T>> {
  const scratch = await createScratchDatabase(options.serverUrl);
  try {
    await migrateDatabase({ url: scratch.url, folders: options.folders, log: silentLogger });
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
  const database = openDatabase<T>({ url: scratch.url, max: options.max ?? 10, name: 'test', log: silentLogger });
  return {
    database,
    url: scratch.url,
    async [Symbol.asyncDispose]() {
      await database.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
