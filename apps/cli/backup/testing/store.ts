import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { BackupStore } from '../store.ts';

const never = new AbortController().signal;
export const version = (n: number) => `2026112${n}T120000Z-00ff`;
export const stream = (...chunks: Buffer[]) => Readable.from(chunks, { objectMode: false });

/** What every place for backups must do, whatever it is. */
export async function checkStore(store: BackupStore): Promise<void> {
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
