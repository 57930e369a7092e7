import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stdin, stdout } from 'node:process';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WaybillError } from '@waybill/kernel/errors';
import { createMeter } from '@waybill/kernel/stream-meter';
import { extractTar } from '@waybill/kernel/tar';

/** What arrived on standard input: the sender compares it with what it sent, since a broken connection looks like an end. */
async function receive(target: Writable): Promise<number> {
  const received = createMeter();
  await pipeline(stdin, received.stream, target);
  stdout.write(`${JSON.stringify(received.measured())}\n`);
  return 0;
}

const work: Record<string, (first: string, second: string) => Promise<number>> = {
  /** Keeps a volume mounted for as long as somebody works on it. */
  wait: () => new Promise((resolve) => process.on('SIGTERM', () => resolve(0)) && setInterval(() => {}, 60_000)),
  async list(folder) {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    stdout.write(`${JSON.stringify(names)}\n`);
    return 0;
  },
  async get(path) {
    await pipeline(createReadStream(path), stdout, { end: false });
    await new Promise<void>((resolve, reject) => stdout.write('', (error) => (error ? reject(error) : resolve()))); // the pipe has taken all of it
    return 0;
  },
  async put(path) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return receive(createWriteStream(path, { mode: 0o600, flush: true }));
  },
  async unpack(folder) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return receive(extractTar(folder));
  },
  async move(from, to) {
    await rename(from, to);
    return 0;
  },
  async remove(path) {
    await rm(path, { recursive: true, force: true });
    return 0;
  },
};

/** Single pieces of work on a mounted volume, for backup and restore in a cluster: the image holds no shell and no tar. */
export async function workOnFiles([verb = '', first = '', second = '']: readonly string[]): Promise<number> {
  const does = work[verb];
  if (!does) throw new WaybillError('invalid', `files takes ${Object.keys(work).join(', ')} and not "${verb}"`);
  return does(first, second).catch((cause: unknown) => {
    if (!(cause instanceof Error) || !('code' in cause) || cause instanceof WaybillError) throw cause;
    throw new WaybillError('unavailable', cause.message, { cause }); // the system's own words: no such file, no space
  });
}
