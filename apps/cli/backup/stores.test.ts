import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { tarEnd, tarHeader, tarPadding } from '@waybill/kernel/tar';
import { afterAll, describe, expect, test } from 'vitest';
import { openSession } from '../k8s/session.ts';
import { rootAt } from '../root.ts';
import { folderStore } from './folder-store.ts';
import { seal, unseal } from './sealed-stream.ts';
import { checkStore, stream, version } from './testing/store.ts';
import { openVolume } from './volume.ts';
import { volumeStore } from './volume-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const never = new AbortController().signal;
test('a folder keeps backups', async () => {
  const path = join(folder, 'plain');
  await checkStore(folderStore(path));
  expect(readdirSync(join(path, version(1)))).not.toContain('empty.part');
});

describe('a volume of a cluster', () => {
  /** In place of kubectl: what would run in the pod runs here, on folders in place of volumes. */
  function sessionWithoutCluster(mounts: Record<string, string>) {
    const files = new URL('../../server/operations/files.ts', import.meta.url).href;
    const program = `import("${files}").then((m) => m.workOnFiles(process.argv.slice(1))).then((code) => process.exit(code), (error) => { console.error(error.message); process.exit(1); })`;
    const kubectl = join(folder, 'kubectl');
    const substitutions = Object.entries(mounts)
      .map(([path, place]) => `s|^${path}|${place}|`)
      .join(';');
    writeFileSync(
      kubectl,
      `#!/bin/bash
while [ "$1" != "" ] && [ "$1" != "--" ]; do if [ "$1" = exec ]; then run=1; fi; shift; done
if [ -z "$run" ]; then cat > /dev/null; exit 0; fi
shift 4 # -- node server.js files
args=(); for one in "$@"; do args+=("$(echo "$one" | sed '${substitutions}')"); done
exec '${process.execPath}' -e '${program}' -- "\${args[@]}"
`,
    );
    chmodSync(kubectl, 0o755);
    const env = { KUBECTL: kubectl, PATH: process.env['PATH'] ?? '', K8S_IMAGE: 'waybill/waybill:test' };
    const io = { out() {}, err() {}, env, cwd: folder, tty: false, readInput: async () => '', onStop: () => () => {} };
    return openSession({
      io,
      root: rootAt({ flag: join(folder, 'root'), env, cwd: folder }),
      json: false,
      dryRun: false,
      interactive: false,
    });
  }

  test('keeps backups', async () => {
    const store = await volumeStore(sessionWithoutCluster({ '/backups': join(folder, 'volume') }), 'backups');
    await checkStore(store);
    await store.close();
  }, 180_000);

  test('takes an archive apart, and a broken one not quietly', async () => {
    const place = join(folder, 'pg');
    const volume = await openVolume(sessionWithoutCluster({ '/data': place }), {
      namespace: 'infra',
      claim: 'data',
      userId: 999,
      mountPath: '/data',
    });
    const content = randomBytes(700);
    const archive = [tarHeader('base/1/2', content.length), content, tarPadding(content.length)];
    mkdirSync(join(place, 'x', 'base', '1'), { recursive: true });
    await volume.unpack('/data/x', stream(...archive, tarEnd()), never);
    expect(readFileSync(join(place, 'x', 'base', '1', '2')).equals(content)).toBe(true);
    await expect(volume.unpack('/data/x', stream(...archive.slice(0, 2)), never)).resolves.toBeUndefined(); // padding is no content
    await expect(volume.unpack('/data/x', stream(tarHeader('base/1/3', 700), content.subarray(0, 90)), never)).rejects.toThrow(
      'ends in the middle',
    );
    await expect(volume.unpack('/data/x', stream(tarHeader('../out', 1), Buffer.alloc(512)), never)).rejects.toThrow('outside');
    await volume.move('/data/x', '/data/y');
    expect(await volume.list('/data')).toEqual(['y']);
    await expect(volume.move('/data/x', '/data/z')).rejects.toThrow('ENOENT');
    await volume.close();
  }, 60_000);
});

describe('the sealed form', () => {
  const master = randomBytes(32);
  const sealed = (plain: Buffer, name = 'part') => buffer(stream(plain).pipe(seal(master, name)));
  const open = (bytes: Buffer, key = master, name = 'part') =>
    new Promise<Buffer>((resolve, reject) => {
      const through = unseal(key, name);
      through.on('error', reject);
      buffer(stream(bytes).pipe(through)).then(resolve, reject);
    });

  test('gives back what it got, of any size', async () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000]) {
      const plain = randomBytes(size);
      expect((await open(await sealed(plain))).equals(plain), String(size)).toBe(true);
    }
  });

  test('of another key, another name, changed, cut at any piece or put together anew, does not open', async () => {
    const bytes = await sealed(randomBytes(200_000));
    await expect(open(bytes, randomBytes(32))).rejects.toThrow('is damaged');
    await expect(open(bytes, master, 'other')).rejects.toThrow('is damaged');
    const head = 7 + 32;
    const piece = 16 + 65_536;
    for (const length of [0, 10, head, head + 5, head + piece, head + 2 * piece, bytes.length - 1])
      await expect(open(bytes.subarray(0, length)), String(length)).rejects.toThrow('is damaged');
    const first = bytes.subarray(head, head + piece);
    const second = bytes.subarray(head + piece, head + 2 * piece);
    const swapped = Buffer.concat([bytes.subarray(0, head), second, first, bytes.subarray(head + 2 * piece)]);
    await expect(open(swapped)).rejects.toThrow('is damaged');
    for (const at of [3, 20, head + 3, head + 40, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1; // within its length
      await expect(open(changed), String(at)).rejects.toThrow('is damaged');
    }
  });
});
