import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import { Writable } from 'node:stream';
import { WaybillError } from './errors.ts';

const block = 512;

/** The header of a file in a tar archive (ustar). */
export function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(block);
  header.write(name, 0, 100);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** What fills a file's last block. */
export const tarPadding = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);

/** The end of an archive. */
export const tarEnd = (): Buffer => Buffer.alloc(2 * block);

const textAt = (header: Buffer, start: number, length: number): string => {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString();
};

function entryOf(header: Buffer): { name: string; size: number; kind: string } {
  const prefix = textAt(header, 345, 155);
  const name = textAt(header, 0, 100);
  const size = Number.parseInt(textAt(header, 124, 12).trim() || '0', 8);
  return { name: prefix ? `${prefix}/${name}` : name, size, kind: String.fromCharCode(header[156] || 0x30) };
}

/** Unpacks an archive of files and folders into a folder. An entry of another kind, or with a path that leads out, is refused. */
export function extractTar(folder: string): Writable {
  let head: Buffer = Buffer.alloc(0);
  let left = 0;
  let padding = 0;
  let file: FileHandle | undefined;
  let working: Promise<void> = Promise.resolve();

  async function endFile(): Promise<void> {
    const done = file;
    file = undefined;
    await done?.close();
  }

  async function begin(header: Buffer): Promise<void> {
    if (header.every((byte) => byte === 0)) return;
    const { name, size, kind } = entryOf(header);
    const path = normalize(join(folder, name));
    if (path !== normalize(folder) && !path.startsWith(`${normalize(folder)}${sep}`))
      throw new WaybillError('invalid', `the archive holds a file outside its folder: ${name}`);
    if (kind === '5') {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } else if (kind === '0') {
      file = await open(path, 'w', 0o600);
      left = size;
      padding = tarPadding(size).length;
      if (size === 0) await endFile();
    } else {
      throw new WaybillError('unsupported', `the archive holds ${name}, which is neither a file nor a folder`);
    }
  }

  async function take(chunk: Buffer): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      if (file && left > 0) {
        const { bytesWritten } = await file.write(chunk, at, Math.min(left, chunk.length - at));
        at += bytesWritten;
        left -= bytesWritten;
        if (left === 0) await endFile();
      } else if (padding > 0) {
        const skipped = Math.min(padding, chunk.length - at);
        at += skipped;
        padding -= skipped;
      } else {
        const needed = block - head.length;
        head = Buffer.concat([head, chunk.subarray(at, at + needed)]);
        at += needed;
        if (head.length < block) continue;
        const header = head;
        head = Buffer.alloc(0);
        await begin(header);
      }
    }
  }

  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      working = take(chunk);
      working.then(() => done(), done);
    },
    final(done) {
      if (left > 0 || head.length > 0) done(new WaybillError('invalid', 'the archive ends in the middle of a file'));
      else done();
    },
    destroy(error, done) {
      // A file that is just being opened has to be closed too.
      const over = () => done(error);
      working.then(endFile, endFile).then(over, over);
    },
  });
}
