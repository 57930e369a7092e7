import { openTestDatabase } from '@waybill/embedded/test-database';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { createStatementNames } from './prepared-statements.ts';

async function openBed() {
  const bed = await openTestDatabase<unknown>({ folders: [] });
  onTestFinished(() => bed[Symbol.asyncDispose]());
  const { db } = bed.database;
  await sql`create table cup (id integer primary key, colour text not null)`.execute(db);
  await sql`insert into cup values (1, 'blue')`.execute(db);
  const find = async () => (await sql<{ id: number }>`select * from cup where id = ${1}`.execute(db)).rows;
  // one connection is busy with nothing else, so that both see the same one
  const kept = async () =>
    (await sql<{ n: number }>`select count(*)::int as n from pg_prepared_statements where statement like 'select * from cup%'`.execute(db))
      .rows[0]?.n;
  return { db, find, kept };
}

test('a statement that comes again and again is prepared once, and gives the same rows', async () => {
  const { find, kept } = await openBed();
  for (let i = 0; i < 5; i++) expect(await find()).toEqual([{ id: 1, colour: 'blue' }]);
  expect(await kept()).toBe(1);
});

test('a migration that adds a column is no failure for statements prepared before it', async () => {
  const { db, find } = await openBed();
  for (let i = 0; i < 5; i++) await find();
  await sql`alter table cup add column size text not null default 'M'`.execute(db);
  expect(await find()).toEqual([{ id: 1, colour: 'blue', size: 'M' }]);
  expect(await find()).toEqual([{ id: 1, colour: 'blue', size: 'M' }]);
});

test('what fails by itself fails as before', async () => {
  const { db } = await openBed();
  const insert = () => sql`insert into cup values (${1}, ${'red'})`.execute(db);
  for (let i = 0; i < 4; i++) await expect(insert()).rejects.toMatchObject({ code: '23505' });
});

test('texts that vary are never prepared, and those that do not are, up to a bound', () => {
  const nameOf = createStatementNames();
  for (let i = 0; i < 2_000; i++) expect(nameOf(`select ${i}`)).toBeUndefined();
  const prepared = new Set<string>();
  for (let i = 0; i < 300; i++) for (let n = 0; n < 3; n++) prepared.add(nameOf(`again ${i}`) ?? '');
  expect(prepared.size).toBe(201); // two hundred names, and none
});
