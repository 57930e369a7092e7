import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes, randomFillSync } from 'node:crypto';
import { type SettingsOf, type SettingsSchema, setting } from './config.ts';
import { WaybillError } from './errors.ts';
import { type Logger, silentLogger } from './log.ts';
import { deriveFrom, Secret } from './secret.ts';
import { followFile } from './secret-file.ts';

export const encryptionSettings = {
  ENCRYPTION_KEYS: setting.optional(
    setting.secret({
      description: 'Key ring for what is stored in Temporal: id:base64key[,id:base64key…]. The first key encrypts, all decrypt.',
    }),
  ),
  ENCRYPTION_KEYS_FILE: setting.optional(
    setting.text({ description: 'Path of a file that holds the key ring; read again when it changes, so that keys rotate while running.' }),
  ),
} satisfies SettingsSchema;

/** Keys by id. The first encrypts, all decrypt; what a key sealed names its id, so any of them can be taken out of use by and by. */
export type KeyRing = {
  /** AES-256-GCM. The result is nonce (12 bytes), tag (16), ciphertext. */
  encrypt(plain: Uint8Array): { keyId: string; sealed: Uint8Array };
  /** Throws `invalid` when the key is not in the ring, or what was sealed has been cut or changed. */
  decrypt(keyId: string, sealed: Uint8Array): Uint8Array;
  /** Key ids, the encrypting one first. */
  ids(): readonly string[];
};

type Key = { id: string; key: KeyObject };
type Keys = { active: Key; byId: ReadonlyMap<string, Key> };

const nonceBytes = 12;
const tagBytes = 16;

/** A new random key in the text form of a ring. */
export function generateKey(id = `k${randomBytes(4).toString('hex')}`): Secret {
  return new Secret(`${id}:${randomBytes(32).toString('base64')}`);
}

/** Opens the ring of the settings; with a file the ring follows the file. Throws `invalid` when there is no usable key. */
export function openSettingsKeyRing(settings: SettingsOf<typeof encryptionSettings>, log: Logger): KeyRing {
  if (settings.ENCRYPTION_KEYS_FILE) return openKeyRing({ file: settings.ENCRYPTION_KEYS_FILE, log });
  if (settings.ENCRYPTION_KEYS) return openKeyRing({ keys: settings.ENCRYPTION_KEYS });
  throw new WaybillError('invalid', 'ENCRYPTION_KEYS is missing: set it, or ENCRYPTION_KEYS_FILE, to a ring of id:base64key');
}

export function openKeyRing(source: { keys: Secret } | { file: string; log?: Logger }): KeyRing {
  const current: (force?: boolean) => Keys =
    'file' in source ? followRing(source.file, source.log ?? silentLogger) : deriveFrom(source.keys, (text) => parseRing(new Secret(text)));
  const nextNonce = noncePool();
  return {
    encrypt(plain) {
      const { active } = current();
      const nonce = nextNonce();
      const cipher = createCipheriv('aes-256-gcm', active.key, nonce);
      const body = cipher.update(plain);
      cipher.final(); // GCM has nothing left to give here, and the tag needs it
      const sealed = Buffer.allocUnsafeSlow(nonceBytes + tagBytes + body.length);
      sealed.set(nonce, 0);
      sealed.set(cipher.getAuthTag(), nonceBytes);
      sealed.set(body, nonceBytes + tagBytes);
      return { keyId: active.id, sealed };
    },
    decrypt(keyId, sealed) {
      const found = current().byId.get(keyId) ?? current(true).byId.get(keyId);
      if (!found) throw new WaybillError('invalid', `the encryption key ${JSON.stringify(keyId.slice(0, 64))} is not in the key ring`);
      if (sealed.length < nonceBytes + tagBytes) throw damaged(keyId);
      const decipher = createDecipheriv('aes-256-gcm', found.key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      const plain = decipher.update(sealed.subarray(nonceBytes + tagBytes));
      try {
        decipher.final();
      } catch {
        throw damaged(keyId);
      }
      return plain;
    },
    ids: () => [...current().byId.keys()],
  };
}

const damaged = (keyId: string) =>
  new WaybillError('invalid', `this was not encrypted with the key "${keyId}", or it has been changed since`);

/** Random nonces, drawn many at a time: a call into the random source costs more than the encryption of a small payload. */
function noncePool(): () => Uint8Array {
  const pool = Buffer.alloc(nonceBytes * 256);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += nonceBytes;
    return pool.subarray(at - nonceBytes, at);
  };
}

function followRing(path: string, log: Logger): (force?: boolean) => Keys {
  const parse = (text: string): Keys => parseRing(new Secret(text));
  try {
    const current = followFile(path, parse, {
      changed: () => log.info('encryption key ring read again', { keyIds: [...current().byId.keys()] }),
      failed: (err) => log.error('encryption key ring cannot be read again, going on with the one in memory', { path, err }),
    });
    return current;
  } catch (err) {
    throw new WaybillError('invalid', `the key ring ${path} cannot be used: ${reason(err)}`, { cause: err });
  }
}

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

function parseRing(text: Secret): Keys {
  const byId = new Map<string, Key>();
  for (const [index, part] of text
    .reveal()
    .split(/[,\s]+/)
    .filter((item) => item !== '')
    .entries()) {
    const colon = part.indexOf(':');
    const id = part.slice(0, Math.max(colon, 0));
    const key = Buffer.from(part.slice(colon + 1), 'base64');
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(id))
      throw new WaybillError(
        'invalid',
        `key ${index + 1} of the ring has no usable id: write id:base64key, the id of letters, digits, . _ -`,
      );
    if (key.length !== 32) throw new WaybillError('invalid', `the key "${id}" has ${key.length} bytes and must have 32, written in base64`);
    if (byId.has(id)) throw new WaybillError('invalid', `the key ring has two keys with the id "${id}"`);
    byId.set(id, { id, key: createSecretKey(key) });
  }
  const active = byId.values().next().value;
  if (!active) throw new WaybillError('invalid', 'the key ring is empty: write at least one id:base64key');
  return { active, byId };
}
