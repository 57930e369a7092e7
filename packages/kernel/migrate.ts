import { readdir, readFile } from 'node:fs/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import pg from 'pg';
import { databaseFailure } from './database.ts';
import type { Logger } from './log.ts';

// Kysely wants each table's history to be one unbroken line of names, and the kernel's files grow independently of a
// service's: hence a history for each.
const kernelFolder = new URL('./migrations/', import.meta.url);
const kernelTable = 'kernel_migration';
const serviceTable = 'migration';
const fileName = /^\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.sql$/;

type AnyDatabase = Kysely<unknown>;
type SqlFile = { name: string; url: URL };

async function sqlFiles(folders: readonly URL[]): Promise<SqlFile[]> {
  const files: SqlFile[] = [];
  for (const folder of folders) {
    const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`);
    for (const name of (await readdir(base)).filter((entry) => entry.endsWith('.sql'))) {
      if (!fileName.test(name)) throw new Error(`migration ${name} must be named like 0001-what-it-does.sql (in ${base.pathname})`);
      files.push({ name: name.slice(0, -'.sql'.length), url: new URL(name, base) });
    }
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [index, file] of files.entries()) {
    const next = files[index + 1];
    if (next && next.name.slice(0, 4) === file.name.slice(0, 4))
      throw new Error(`migrations ${file.name} and ${next.name} have the same number: give the later one the next free number`);
  }
  return files;
}

function provider(files: readonly SqlFile[]): MigrationProvider {
  const load = (file: SqlFile): Migration => ({
    async up(db) {
      await sql.raw(await readFile(file.url, 'utf8')).execute(db);
    },
  });
  return { getMigrations: async () => Object.fromEntries(files.map((file) => [file.name, load(file)])) };
}

async function appliedNames(db: AnyDatabase, table: string): Promise<Set<string>> {
  const found = await sql<{ found: boolean }>`select to_regclass(${table}) is not null as found`.execute(db);
  if (!found.rows[0]?.found) return new Set();
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)}`.execute(db);
  return new Set(rows.map((row) => row.name));
}

async function pendingIn(db: AnyDatabase, table: string, files: readonly SqlFile[]): Promise<string[]> {
  const applied = await appliedNames(db, table);
  return files.filter((file) => !applied.has(file.name)).map((file) => file.name);
}

/**
 * The migrations that the database still lacks, the kernel's first; none means that the schema is known. Migrations which the
 * database has and this version does not know are fine: the schema is only ever expanded under a running version.
 */
export async function pendingMigrations<T>(options: { db: Kysely<T>; folders: readonly URL[] }): Promise<string[]> {
  const db = options.db as unknown as AnyDatabase; // only raw SQL is run, so the row types do not matter
  try {
    return [
      ...(await pendingIn(db, kernelTable, await sqlFiles([kernelFolder]))),
      ...(await pendingIn(db, serviceTable, await sqlFiles(options.folders))),
    ];
  } catch (error) {
    throw databaseFailure(error) ?? error;
  }
}

async function apply(db: AnyDatabase, table: string, files: readonly SqlFile[]): Promise<string[]> {
  // An older version that meets a newer schema has nothing to do; Kysely would call that history corrupt.
  if ((await pendingIn(db, table, files)).length === 0) return [];
  const migrator = new Migrator({
    db,
    provider: provider(files),
    migrationTableName: table,
    migrationLockTableName: 'migration_lock',
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error) {
    const failed = results?.find((result) => result.status === 'Error');
    throw databaseFailure(error) ?? (failed ? new Error(`migration ${failed.migrationName} failed`, { cause: error }) : error);
  }
  return results?.map((result) => result.migrationName) ?? [];
}

/**
 * Brings one service's database up to date: the kernel's tables, then the service's own. Each set is one transaction, and any
 * number of processes may do this at once: one applies, the others wait and find nothing left. Returns the names it applied.
 */
export async function migrateDatabase(options: { url: string; folders: readonly URL[]; log: Logger }): Promise<string[]> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: 1,
    application_name: 'migrate',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  pool.on('error', (err) => options.log.warn('idle database connection lost', { database: 'migrate', err }));
  const db: AnyDatabase = new Kysely({ dialect: new PostgresDialect({ pool }) });
  try {
    const applied = [
      ...(await apply(db, kernelTable, await sqlFiles([kernelFolder]))),
      ...(await apply(db, serviceTable, await sqlFiles(options.folders))),
    ];
    if (applied.length > 0) options.log.info('database migrated', { database: new URL(options.url).pathname.slice(1), applied });
    return applied;
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await db.destroy();
  }
}
