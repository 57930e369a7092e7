import { pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { createMeter } from '@waybill/kernel/stream-meter';
import type { Part } from './manifest.ts';
import { seal } from './sealed-stream.ts';
import type { BackupStore } from './store.ts';

/** Compresses, encrypts and stores one file of a backup as it streams by. */
export async function writePart(options: {
  store: BackupStore;
  version: string;
  name: string;
  master: Buffer;
  content: Readable;
  signal: AbortSignal;
}): Promise<Part> {
  const { store, version, name, master, content, signal } = options;
  const plain = createMeter();
  const stored = createMeter();
  // A failure of one of them ends all; the store sees it as the failure of what it reads.
  pipeline(content, plain.stream, createGzip({ level: 1 }), seal(master, name), stored.stream, () => {});
  await store.write(version, name, stored.stream, signal);
  return { name, ...stored.measured(), plainBytes: plain.measured().bytes };
}
