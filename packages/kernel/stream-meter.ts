import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

export type Measured = { bytes: number; sha256: string };

/**
 * A stream that passes on what comes and measures it. `verify` sees the measure before the end is passed on, and what it returns
 * is the stream's error. `measured` is there once all has passed, and throws before.
 */
export function createMeter(verify: (measured: Measured) => Error | null = () => null): { stream: Transform; measured(): Measured } {
  const hash = createHash('sha256');
  let bytes = 0;
  let measured: Measured | undefined;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      measured = { bytes, sha256: hash.digest('hex') };
      done(verify(measured));
    },
  });
  return {
    stream,
    measured() {
      if (!measured) throw new Error('a stream was measured before its end');
      return measured;
    },
  };
}
