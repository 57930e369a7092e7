import { databaseName } from '@waybill/kernel/provision';
import { serviceNames } from '@waybill/server/roles';
import pg from 'pg';

async function names(url: string, table: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // told by the query
  try {
    await client.connect();
    const { rows } = await client.query<{ found: boolean }>('select to_regclass($1) is not null as found', [table]);
    if (!rows[0]?.found) return [];
    const { rows: latest } = await client.query<{ name: string }>(`select name from ${table} order by name desc limit 1`);
    return latest.map(({ name }) => name);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '3D000') return []; // not made yet
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The latest migrations that each service's database has. */
export async function readSchemas(serverUrl: string, prefix: string): Promise<Record<string, string[]>> {
  const schemas: Record<string, string[]> = {};
  for (const service of serviceNames) {
    const url = new URL(serverUrl);
    url.pathname = `/${databaseName(prefix, service)}`;
    schemas[service] = [...(await names(url.href, 'kernel_migration')), ...(await names(url.href, 'migration'))];
  }
  return schemas;
}
