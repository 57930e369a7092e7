import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateKey, openKeyRing, openSettingsKeyRing } from './encryption.ts';
import { silentLogger } from './log.ts';
import { createPayloadCodec, isEncrypted } from './payload-codec.ts';
import { Secret } from './secret.ts';

const k1 = generateKey('k1');
const k2 = generateKey('k2');
const both = new Secret(`${k2.reveal()},${k1.reveal()}`);

describe('the key ring', () => {
  test('what the first key encrypts any ring with that key decrypts, whatever the bytes', () => {
    const old = openKeyRing({ keys: k1 });
    const rotated = openKeyRing({ keys: both });
    expect(rotated.ids()).toEqual(['k2', 'k1']);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), (plain) => {
        for (const ring of [old, rotated]) {
          const { keyId, sealed } = ring.encrypt(plain);
          expect(keyId).toBe(ring.ids()[0]);
          expect(sealed).toHaveLength(plain.length + 28);
          expect(Buffer.compare(rotated.decrypt(keyId, sealed), plain)).toBe(0);
        }
      }),
    );
  });

  test('any change to what was sealed, and any cut, is noticed', () => {
    const ring = openKeyRing({ keys: k1 });
    const { sealed } = ring.encrypt(Buffer.from('an address'));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= 0x10;
      expect(() => ring.decrypt('k1', changed)).toThrow(expect.objectContaining({ code: 'invalid' }));
      expect(() => ring.decrypt('k1', sealed.subarray(0, at))).toThrow(expect.objectContaining({ code: 'invalid' }));
    }
    expect(() => ring.decrypt('k2', sealed)).toThrow('the encryption key "k2" is not in the key ring');
  });

  test('the same text never looks the same twice', () => {
    const ring = openKeyRing({ keys: k1 });
    const seen = new Set(
      Array.from({ length: 2_000 }, () => Buffer.from(ring.encrypt(Buffer.from('same')).sealed.subarray(0, 12)).toString('hex')),
    );
    expect(seen.size).toBe(2_000);
  });

  test('a ring that cannot be used says why, and never shows a key', () => {
    const short = Buffer.alloc(16, 1).toString('base64');
    for (const [text, message] of [
      ['', 'the key ring is empty'],
      [short, 'has no usable id'],
      [`k1:${short}`, 'the key "k1" has 16 bytes and must have 32'],
      [`${k1.reveal()},${k1.reveal()}`, 'two keys with the id "k1"'],
      [`a b:${short}`, 'has no usable id'],
    ] as const) {
      const error = (() => {
        try {
          return openKeyRing({ keys: new Secret(text) });
        } catch (thrown) {
          return thrown as Error;
        }
      })();
      expect(String(error)).toContain(message);
      expect(inspect(error)).not.toContain(short);
    }
    expect(inspect(k1) + JSON.stringify({ k1 }) + String(k1)).not.toContain(k1.reveal().slice(3));
    expect(() => openSettingsKeyRing({ ENCRYPTION_KEYS: undefined, ENCRYPTION_KEYS_FILE: undefined }, silentLogger)).toThrow(
      'ENCRYPTION_KEYS is missing',
    );
  });
});

describe('a ring in a file', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    folder = await mkdtemp(join(tmpdir(), 'waybill-ring-'));
    file = join(folder, 'keys');
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(folder, { recursive: true });
  });
  const replaceFile = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };

  test('is read again when it changes, so that a key is rotated without a restart', async () => {
    await writeFile(file, `${k1.reveal()}\n`);
    const ring = openKeyRing({ file });
    const before = ring.encrypt(Buffer.from('old'));
    await replaceFile(both.reveal());
    vi.setSystemTime(Date.now() + 1_001);
    const after = ring.encrypt(Buffer.from('new'));
    expect([before.keyId, after.keyId]).toEqual(['k1', 'k2']);
    expect(Buffer.from(ring.decrypt('k1', before.sealed)).toString()).toBe('old');
  });

  test('is looked at at once for a key that is not known yet: another process may have rotated first', async () => {
    await writeFile(file, k1.reveal());
    const ring = openKeyRing({ file });
    const { keyId, sealed } = openKeyRing({ keys: k2 }).encrypt(Buffer.from('from elsewhere'));
    vi.setSystemTime(Date.now() + 100);
    expect(() => ring.decrypt(keyId, sealed)).toThrow('not in the key ring');
    await replaceFile(both.reveal());
    vi.setSystemTime(Date.now() + 100);
    expect(Buffer.from(ring.decrypt(keyId, sealed)).toString()).toBe('from elsewhere');
  });

  test('that is lost or broken leaves the ring in memory as it was', async () => {
    await writeFile(file, k1.reveal());
    const ring = openKeyRing({ file });
    for (const damage of [() => replaceFile('nonsense'), () => rm(file)]) {
      await damage();
      vi.setSystemTime(Date.now() + 1_001);
      expect(ring.encrypt(Buffer.from('x')).keyId).toBe('k1');
    }
    expect(() => openKeyRing({ file })).toThrow('cannot be used');
  });
});

describe('the payload codec', () => {
  const text = (value: unknown): Payload => ({
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(value)),
  });

  test('hides data and type of a payload, names its key, and gives both back', async () => {
    const codec = createPayloadCodec(openKeyRing({ keys: k1 }));
    const [encoded] = await codec.encode([text({ customer: 'Ann' })]);
    expect(isEncrypted(encoded!)).toBe(true);
    expect(Buffer.from(encoded!.metadata!['encryption-key-id']!).toString()).toBe('k1');
    expect(Buffer.from(encoded!.data!).toString('latin1')).not.toMatch(/Ann|json/);
    const [decoded] = await codec.decode([encoded!]);
    expect(Buffer.from(decoded!.data!).toString()).toBe('{"customer":"Ann"}');
    expect(Buffer.from(decoded!.metadata!['encoding']!).toString()).toBe('json/plain');
  });

  test('leaves payloads alone that it did not make, and passes empty lists', async () => {
    const codec = createPayloadCodec(openKeyRing({ keys: k1 }));
    const plain = text('as it was');
    expect(await codec.decode([plain])).toEqual([plain]);
    expect(await codec.encode([])).toEqual([]);
  });

  test('costs microseconds, since it runs for every payload of every step', async () => {
    const codec = createPayloadCodec(openKeyRing({ keys: k1 }));
    const payloads = Array.from({ length: 40 }, (_, line) => text({ line, sku: 'MUG-BLUE', note: 'x'.repeat(600) }));
    for (let i = 0; i < 20; i++) await codec.decode(await codec.encode(payloads));
    const startedAt = performance.now();
    for (let i = 0; i < 100; i++) await codec.decode(await codec.encode(payloads));
    const microseconds = ((performance.now() - startedAt) * 1_000) / (100 * 40);
    expect(microseconds).toBeLessThan(250); // about 15 on an idle core; the limit only catches a derivation per payload
  });
});
