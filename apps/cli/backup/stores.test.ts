import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { freePort } from '@waybill/embedded/ports';
import { tarEnd, tarHeader, tarPadding } from '@waybill/kernel/tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession } from '../k8s/session.ts';
import { rootAt } from '../root.ts';
import { folderStore } from './folder-store.ts';
import { s3Store } from './s3-store.ts';
import { seal, unseal } from './sealed-stream.ts';
import type { BackupStore } from './store.ts';
import { openVolume } from './volume.ts';
import { volumeStore } from './volume-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const never = new AbortController().signal;
const version = (n: number) => `2026112${n}T120000Z-00ff`;
const stream = (...chunks: Buffer[]) => Readable.from(chunks, { objectMode: false });

/** What every place for backups must do, whatever it is. */
async function check(store: BackupStore): Promise<void> {
  expect(await store.versions()).toEqual([]);
  expect(await store.readText(version(1), 'manifest.json')).toBeUndefined();
  const large = randomBytes(40 * 1024 * 1024 + 17); // more than two parts of an upload
  await store.write(version(2), 'large.enc', stream(large), never);
  await store.write(version(1), 'manifest.json', stream(Buffer.from('{"a": "ü & <b>"}')), never);
  await store.write(version(1), 'empty', stream(), never).catch(() => {}); // S3 has no upload without a part
  expect(await store.versions()).toEqual([version(1), version(2)]);
  expect(await store.readText(version(1), 'manifest.json')).toBe('{"a": "ü & <b>"}');
  expect((await buffer(await store.read(version(2), 'large.enc'))).equals(large)).toBe(true);

  const stop = new AbortController();
  const endless = Readable.from(
    (async function* () {
      for (let n = 0; ; n++) {
        if (n === 30) stop.abort(new Error('interrupted'));
        yield randomBytes(1024 * 1024);
      }
    })(),
    { objectMode: false },
  );
  await expect(store.write(version(3), 'cut.enc', endless, stop.signal)).rejects.toThrow();
  const broken = Readable.from(
    (async function* () {
      yield randomBytes(100);
      throw new Error('the server went away');
    })(),
    { objectMode: false },
  );
  await expect(store.write(version(3), 'broken.enc', broken, never)).rejects.toThrow('the server went away');
  for (const name of ['cut.enc', 'broken.enc']) expect(await store.readText(version(3), name)).toBeUndefined();
  await store.remove(version(2));
  await store.remove(version(3));
  expect(await store.versions()).toEqual([version(1)]);
}

test('a folder keeps backups', async () => {
  const path = join(folder, 'plain');
  await check(folderStore(path));
  expect(readdirSync(join(path, version(1)))).not.toContain('empty.part');
});

function findS3(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  return folders.map((one) => join(one, 'versitygw')).find((path) => spawnSync(path, ['--version']).status === 0);
}

const s3Server = findS3();

// go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
describe.skipIf(s3Server === undefined)('an S3 server', () => {
  let server: ChildProcess;
  let environment: Record<string, string>;
  beforeAll(async () => {
    const port = await freePort();
    const data = join(folder, 's3');
    mkdirSync(join(data, 'shop'), { recursive: true });
    server = spawn(s3Server ?? '', ['--access', 'someone', '--secret', 'very-secret', '--port', `127.0.0.1:${port}`, 'posix', data], {
      stdio: 'ignore',
    });
    environment = {
      AWS_ACCESS_KEY_ID: 'someone',
      AWS_SECRET_ACCESS_KEY: 'very-secret',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    };
    const answers = () => fetch(`http://127.0.0.1:${port}/`).then(Boolean, () => false);
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 100));
  });
  afterAll(() => server?.kill());

  test('keeps backups', () => check(s3Store('s3://shop/some/where', environment)), 120_000);

  test('that refuses says why', async () => {
    const wrong = s3Store('s3://shop', { ...environment, AWS_SECRET_ACCESS_KEY: 'wrong' });
    await expect(wrong.versions()).rejects.toThrow(/SignatureDoesNotMatch/);
    await expect(s3Store('s3://nowhere', environment).versions()).rejects.toThrow('there is no bucket nowhere');
    expect(() => s3Store('s3://shop', {})).toThrow('AWS_ACCESS_KEY_ID');
  });
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
    await check(store);
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
