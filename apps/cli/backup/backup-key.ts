import { createHmac, hkdfSync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { CommandError } from '../failure.ts';

/** How a backup's key is found again; stands in its manifest. `check` tells a wrong key from a damaged backup. */
export type KeyRecipe = { check: string } & (
  | { kind: 'passphrase'; salt: string; cost: number; blockSize: number; parallel: number }
  | { kind: 'key' }
);

/** What encrypts a backup: a passphrase that a person keeps, or a random key (base64, 32 bytes) of the installation. */
export type BackupSecret = { passphrase: string } | { key: string };

// 128 MB and about half a second: nothing for a person, much for somebody who tries all passphrases.
const scrypt = { cost: 2 ** 17, blockSize: 8, parallel: 1 };
const shortest = 12;

export const generateBackupKey = (): string => randomBytes(32).toString('base64');

const checkOf = (master: Buffer): string => createHmac('sha256', master).update('waybill backup key').digest('base64');

function derive(passphrase: string, salt: string, { cost, blockSize, parallel }: typeof scrypt): Buffer {
  const options = { N: cost, r: blockSize, p: parallel, maxmem: 256 * cost * blockSize };
  return scryptSync(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), 32, options);
}

function keyBytes(text: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32)
    throw new CommandError('invalid', 'BACKUP_KEY must be 32 random bytes in base64', { fix: 'make one with "openssl rand -base64 32"' });
  return key;
}

/** The master key of a new backup, and how to find it again. */
export function newMaster(secret: BackupSecret): { master: Buffer; recipe: KeyRecipe } {
  if ('key' in secret) {
    const master = keyBytes(secret.key);
    return { master, recipe: { kind: 'key', check: checkOf(master) } };
  }
  if (secret.passphrase.length < shortest)
    throw new CommandError('invalid', `the passphrase has ${secret.passphrase.length} characters and must have at least ${shortest}`, {
      fix: 'take a longer one: five random words, say',
    });
  const salt = randomBytes(16).toString('base64');
  const master = derive(secret.passphrase, salt, scrypt);
  return { master, recipe: { kind: 'passphrase', salt, ...scrypt, check: checkOf(master) } };
}

/** The master key of an existing backup. Throws when the secret is not the one it was made with. */
export function masterOf(recipe: KeyRecipe, secret: BackupSecret): Buffer {
  if (recipe.kind === 'passphrase' && recipe.cost * recipe.blockSize > 2 ** 24) throw wrong(recipe);
  const master =
    recipe.kind === 'key'
      ? 'key' in secret && keyBytes(secret.key)
      : 'passphrase' in secret && derive(secret.passphrase, recipe.salt, recipe);
  if (!master || !timingSafeEqual(Buffer.from(checkOf(master)), Buffer.from(recipe.check.padEnd(44).slice(0, 44)))) throw wrong(recipe);
  return master;
}

const wrong = ({ kind }: KeyRecipe): CommandError =>
  kind === 'key'
    ? new CommandError('forbidden', 'the backup was not made with this BACKUP_KEY', {
        fix: 'set BACKUP_KEY (or BACKUP_KEY_FILE) to the key that you put away when the backup was made',
      })
    : new CommandError('forbidden', 'the passphrase is not the one this backup was made with', {
        fix: 'try again; it is asked for, or read from BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE',
      });

/** Authenticates text with the master key. */
export function signatureOf(master: Buffer, text: string): string {
  const key = Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), 'waybill backup manifest', 32));
  return createHmac('sha256', key).update(text).digest('base64');
}
