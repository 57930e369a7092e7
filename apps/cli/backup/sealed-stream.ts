import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { CommandError } from '../failure.ts';

// Pieces of one size, each sealed with AES-256-GCM under a key of its own file. The nonce counts the pieces and marks the last
// one, so pieces can be neither left out, repeated, reordered nor cut off, and nothing that is not authenticated is handed on.
const magic = Buffer.from('WBKUP1\n');
const saltBytes = 32;
const tagBytes = 16;
const pieceBytes = 64 * 1024;

const fileKey = (master: Buffer, salt: Buffer, name: string): Buffer =>
  Buffer.from(hkdfSync('sha256', master, salt, `waybill backup file ${name}`, 32));

function nonceOf(piece: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(Math.floor(piece / 2 ** 32), 3);
  nonce.writeUInt32BE(piece >>> 0, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Hands on whole pieces, the last one (perhaps empty) marked as such. */
function pieces(size: number, work: (piece: Buffer, number: number, last: boolean) => Buffer) {
  let held: Buffer[] = [];
  let length = 0;
  let count = 0;
  return {
    // A full piece is kept until more comes: it could be the last one.
    take(chunk: Buffer, push: (data: Buffer) => void): void {
      held.push(chunk);
      length += chunk.length;
      if (length <= size) return;
      let all = Buffer.concat(held, length);
      while (all.length > size) {
        push(work(all.subarray(0, size), count++, false));
        all = all.subarray(size);
      }
      held = [all];
      length = all.length;
    },
    end: (push: (data: Buffer) => void): void => push(work(Buffer.concat(held, length), count, true)),
  };
}

/** Encrypts a stream. `name` belongs to the key: a file under another name does not open. */
export function seal(master: Buffer, name: string): Transform {
  const salt = randomBytes(saltBytes);
  const key = fileKey(master, salt, name);
  const cutter = pieces(pieceBytes, (piece, number, last) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, last));
    const body = cipher.update(piece);
    cipher.final();
    return Buffer.concat([cipher.getAuthTag(), body]);
  });
  let begun = false;
  const begin = (stream: Transform) => {
    if (!begun) stream.push(Buffer.concat([magic, salt]));
    begun = true;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      begin(this);
      cutter.take(chunk, (data) => this.push(data));
      done();
    },
    flush(done: TransformCallback) {
      begin(this);
      cutter.end((data) => this.push(data));
      done();
    },
  });
}

/** Decrypts what `seal` made. Fails with a sentence when it was made with another key, was changed, or ends too early. */
export function unseal(master: Buffer, name: string): Transform {
  const headBytes = magic.length + saltBytes;
  let head: Buffer | undefined = Buffer.alloc(0);
  let key: Buffer = Buffer.alloc(0);
  const cutter = pieces(tagBytes + pieceBytes, (piece, number, last) => {
    if (piece.length < tagBytes) throw damaged(name);
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, last), { authTagLength: tagBytes });
    decipher.setAuthTag(piece.subarray(0, tagBytes));
    const plain = decipher.update(piece.subarray(tagBytes));
    try {
      decipher.final();
    } catch {
      throw damaged(name);
    }
    return plain;
  });
  const attempt = (done: TransformCallback, work: () => void): void => {
    try {
      work();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    done();
  };
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      attempt(done, () => {
        let rest = chunk;
        if (head) {
          head = Buffer.concat([head, chunk]);
          if (head.length < headBytes) return;
          if (!head.subarray(0, magic.length).equals(magic)) throw damaged(name);
          key = fileKey(master, head.subarray(magic.length, headBytes), name);
          rest = head.subarray(headBytes);
          head = undefined;
        }
        if (rest.length > 0) cutter.take(rest, (data) => this.push(data));
      });
    },
    flush(done: TransformCallback) {
      attempt(done, () => {
        if (head) throw damaged(name);
        cutter.end((data) => this.push(data));
      });
    },
  });
}

const damaged = (name: string): CommandError =>
  new CommandError('invalid', `the file ${name} of this backup is damaged: it was changed or cut off after it was written`, {
    fix: 'restore from another version ("waybill backup --list"), or fetch the file again from where the backup is kept',
  });
