import { timingSafeEqual } from 'node:crypto';
import { CommandError } from '../failure.ts';
import { type KeyRecipe, signatureOf } from './backup-key.ts';

export type Part = {
  name: string;
  /** As stored. */
  bytes: number;
  sha256: string;
  /** As it takes room once restored. */
  plainBytes: number;
};

/** What a backup is: readable by everybody, written last, and authenticated by the backup's key. */
export type Manifest = {
  format: 1;
  version: string;
  /** What the backup holds is how everything was at this moment. */
  instant: string;
  source: 'local' | 'kubernetes';
  waybill: string;
  postgres: { version: string; systemId: string; from: string; upTo: string };
  temporal: 'in PostgreSQL' | 'SQLite file' | 'not included';
  /** Names of the migrations each database had, the latest of each set. */
  schemas: Record<string, string[]>;
  /** Ids of the codec's key ring, the encrypting one first. */
  encryptionKeyIds: string[];
  key: KeyRecipe;
  parts: Part[];
  signature: string;
};

const textOf = (manifest: Omit<Manifest, 'signature'>): string => JSON.stringify(manifest);

export function signManifest(manifest: Omit<Manifest, 'signature'>, master: Buffer): Manifest {
  return { ...manifest, signature: signatureOf(master, textOf(manifest)) };
}

export function parseManifest(text: string, version: string): Manifest {
  try {
    const manifest: Manifest = JSON.parse(text);
    if (manifest.format === 1 && manifest.version === version && Array.isArray(manifest.parts) && manifest.key) return manifest;
    if (Number(manifest.format) > 1)
      throw new CommandError('unsupported', `the backup ${version} was made by a later Waybill`, { fix: 'upgrade Waybill, then restore' });
  } catch (error) {
    if (error instanceof CommandError) throw error;
  }
  throw new CommandError('invalid', `the manifest of the backup ${version} is damaged`, { fix: 'restore from another version' });
}

/** Throws unless the manifest is as it was written. */
export function verifyManifest(manifest: Manifest, master: Buffer): void {
  const { signature, ...rest } = manifest;
  const expected = Buffer.from(signatureOf(master, textOf(rest)));
  const given = Buffer.from(String(signature));
  if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new CommandError('invalid', `the manifest of the backup ${manifest.version} was changed after it was written`, {
    fix: 'restore from another version, and find out who can write to where the backups are kept',
  });
}
