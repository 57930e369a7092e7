import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@waybill/embedded/ports';
import { createScratchDatabase } from '@waybill/embedded/test-database';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from './database.ts';
import { WaybillError } from './errors.ts';
import { silentLogger } from './log.ts';
import { migrateDatabase, pendingMigrations } from './migrate.ts';

const log = silentLogger;
const kernelFiles = readdirSync(new URL('./migrations', import.meta.url))
  .map((name) => name.replace('.sql', ''))
  .toSorted();

function folderOf(files: Record<string, string>): URL {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-migrations-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

async function openScratch() {
  const scratch = await createScratchDatabase();
  const database = openDatabase<unknown>({ url: scratch.url, max: 2, name: 'test', log });
  onTestFinished(async () => {
    await database.close();
    await scratch[Symbol.asyncDispose]();
  });
  const names = async (table: string) =>
    (await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(database.db)).rows;
  return { url: scratch.url, db: database.db, names };
}

const files = {
  '0001-thing.sql': 'create table thing (id integer primary key); create index thing_id on thing (id);',
  '0002-more.sql': 'alter table thing add column name text',
};

test("the kernel's tables come first, then the service's, each once", async () => {
  const scratch = await openScratch();
  const folders = [folderOf(files)];
  expect(await pendingMigrations({ db: scratch.db, folders })).toEqual([...kernelFiles, '0001-thing', '0002-more']);
  expect(await migrateDatabase({ url: scratch.url, folders, log })).toEqual([...kernelFiles, '0001-thing', '0002-more']);
  expect(await migrateDatabase({ url: scratch.url, folders, log })).toEqual([]);
  expect(await pendingMigrations({ db: scratch.db, folders })).toEqual([]);
});

test('from many processes at once, each migration is applied exactly once and all processes succeed', async () => {
  const scratch = await openScratch();
  const folder = folderOf({ ...files, '0003-slow.sql': 'select pg_sleep(0.5); insert into thing values (1)' });
  const program = `
    import { migrateDatabase } from ${JSON.stringify(new URL('./migrate.ts', import.meta.url).href)};
    import { silentLogger } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)};
    const applied = await migrateDatabase({ url: process.argv[1], folders: [new URL(process.argv[2])], log: silentLogger });
    console.log(JSON.stringify(applied));`;
  const runs = await Promise.all(
    Array.from({ length: 4 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, scratch.url, folder.href]),
    ),
  );
  const applied = runs.flatMap((run) => JSON.parse(run.stdout) as string[]);
  expect(applied.toSorted()).toEqual([...kernelFiles, '0001-thing', '0002-more', '0003-slow'].toSorted());
  expect((await sql`select id from thing`.execute(scratch.db)).rows).toEqual([{ id: 1 }]);
});

test('a migration that fails leaves nothing of its set behind and is named', async () => {
  const scratch = await openScratch();
  const folders = [folderOf({ ...files, '0003-wrong.sql': 'create table left_over (id integer); select no_such_thing()' })];
  await expect(migrateDatabase({ url: scratch.url, folders, log })).rejects.toThrow('migration 0003-wrong failed');
  expect(await pendingMigrations({ db: scratch.db, folders })).toEqual(['0001-thing', '0002-more', '0003-wrong']);
  expect((await sql`select to_regclass('left_over') as found`.execute(scratch.db)).rows).toEqual([{ found: null }]);
});

test('an older version finds nothing to do on a newer schema', async () => {
  const scratch = await openScratch();
  await migrateDatabase({ url: scratch.url, folders: [folderOf(files)], log });
  const older = [folderOf({ '0001-thing.sql': files['0001-thing.sql'] })];
  expect(await migrateDatabase({ url: scratch.url, folders: older, log })).toEqual([]);
  expect(await pendingMigrations({ db: scratch.db, folders: older })).toEqual([]);
});

test('a badly named file and a number used twice are refused', async () => {
  const scratch = await openScratch();
  await expect(migrateDatabase({ url: scratch.url, folders: [folderOf({ '1-thing.sql': 'select 1' })], log })).rejects.toThrow(
    'migration 1-thing.sql must be named like 0001-what-it-does.sql',
  );
  const twice = folderOf({ '0001-a.sql': 'select 1', '0001-b.sql': 'select 1' });
  await expect(migrateDatabase({ url: scratch.url, folders: [twice], log })).rejects.toThrow('0001-a and 0001-b have the same number');
});

test('a database that cannot be reached is unavailable, not a bug', async () => {
  const url = `postgres://nobody:x@127.0.0.1:${await freePort()}/none`;
  await expect(migrateDatabase({ url, folders: [], log })).rejects.toThrow(WaybillError);
  const database = openDatabase({ url, max: 1, name: 'test', log });
  onTestFinished(() => database.close());
  await expect(pendingMigrations({ db: database.db, folders: [] })).rejects.toMatchObject({ code: 'unavailable' });
});

test('a folder that holds other files too is read for its SQL only', async () => {
  const folder = folderOf({ 'README.md': 'words', ...files });
  mkdirSync(new URL('more', folder));
  const scratch = await openScratch();
  expect(await migrateDatabase({ url: scratch.url, folders: [folder], log })).toEqual([...kernelFiles, '0001-thing', '0002-more']);
});
