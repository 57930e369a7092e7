import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createMeter } from '@waybill/kernel/stream-meter';
import { CommandError } from '../failure.ts';
import { isNodeError } from '../yaml-file.ts';
import { type Manifest, type Part, parseManifest } from './manifest.ts';
import { unseal } from './sealed-stream.ts';
import { type BackupStore, manifestName } from './store.ts';

/** The manifest of a version; `latest` is the newest that is whole. */
export async function findManifest(store: BackupStore, wanted: string): Promise<Manifest> {
  const versions = await store.versions();
  for (const version of wanted === 'latest' ? versions.toReversed() : [wanted]) {
    const text = await store.readText(version, manifestName);
    if (text !== undefined) return parseManifest(text, version);
  }
  const fix = `"waybill backup --list" shows what there is`;
  if (wanted === 'latest') throw new CommandError('not_found', `there is no whole backup in ${store.where}`, { fix });
  throw versions.includes(wanted)
    ? new CommandError('invalid', `the backup ${wanted} in ${store.where} was interrupted before it was whole`, { fix })
    : new CommandError('not_found', `there is no backup ${wanted} in ${store.where}`, { fix });
}

export const partOf = (manifest: Manifest, name: string): Part => {
  const part = manifest.parts.find((one) => one.name === name);
  if (!part) throw new CommandError('invalid', `the backup ${manifest.version} has no file ${name}, so it cannot be restored here`);
  return part;
};

/** Fetches, checks, decrypts and unpacks one file of a backup into `target` as it streams by. Rejects unless all of it was right. */
export async function readPart(options: {
  store: BackupStore;
  manifest: Manifest;
  name: string;
  master: Buffer;
  target: Writable;
  signal: AbortSignal;
}): Promise<void> {
  const { store, manifest, name, master, target, signal } = options;
  const part = partOf(manifest, name);
  const check = createMeter(({ bytes, sha256 }) =>
    bytes === part.bytes && sha256 === part.sha256 ? null : damaged(manifest, part, bytes),
  );
  const source = await store.read(manifest.version, name).catch((cause: unknown) => {
    if (isNodeError(cause) && cause.code === 'ENOENT')
      throw new CommandError('invalid', `the file ${name} of the backup ${manifest.version} is missing in ${store.where}`, {
        fix: 'fetch it from where it was copied to, or restore another version',
      });
    throw cause;
  });
  await pipeline(source, check.stream, unseal(master, name), createGunzip(), target, { signal });
}

const damaged = ({ version }: Manifest, { name, bytes }: Part, found: number): CommandError =>
  new CommandError(
    'invalid',
    found < bytes
      ? `the file ${name} of the backup ${version} is cut off: ${found} of its ${bytes} bytes are there`
      : `the file ${name} of the backup ${version} was changed after it was written`,
    { fix: 'fetch it again from where it was copied to, or restore another version' },
  );
