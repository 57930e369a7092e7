import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@waybill/embedded/ports';
import { startPostgres, stopLeftover } from '@waybill/embedded/postgres';
import { isAlive } from '@waybill/embedded/processes';
import { findTemporal } from '@waybill/embedded/temporal-binary';

const prefix = 'waybill-test-';

/** One PostgreSQL for the whole run; every test makes databases of its own in it. */
export default async function setup(): Promise<() => Promise<void>> {
  process.env['TEMPORAL_CLI'] ??= await findTemporal({
    cacheDir: fileURLToPath(new URL('../node_modules/.cache/waybill/', import.meta.url)),
    onProgress: (message) => console.info(message),
  });
  if (process.env['TEST_POSTGRES_URL']) return async () => {};
  await removeLeftovers();
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  await chmod(folder, 0o755); // run as root, the server is another user's
  const server = await startPostgres({
    dataDir: join(folder, 'data'),
    port: await freePort(),
    logFile: join(folder, 'postgres.log'),
    password: randomBytes(12).toString('hex'),
    durable: false,
  });
  process.env['TEST_POSTGRES_URL'] = server.url;
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

/** A run that was killed leaves its server and folder behind; the folder's name says whose it was. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : Number.NaN;
    if (Number.isNaN(owner) || isAlive(owner)) continue;
    const folder = join(tmpdir(), name);
    await stopLeftover(join(folder, 'data')).catch(() => {});
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}
