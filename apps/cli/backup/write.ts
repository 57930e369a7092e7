import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Part } from './manifest.ts';
import { seal } from './sealed-stream.ts';
import type { BackupStore } from './store.ts';

function meter(): { stream: Transform; bytes(): number; sha256(): string } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes, sha256: () => hash.digest('hex') };
}

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
  const plain = meter();
  const stored = meter();
  // A failure of one of them ends all; the store sees it as the failure of what it reads.
  pipeline(content, plain.stream, createGzip({ level: 1 }), seal(master, name), stored.stream, () => {});
  await store.write(version, name, stored.stream, signal);
  return { name, bytes: stored.bytes(), sha256: stored.sha256(), plainBytes: plain.bytes() };
}
