import type { Configuration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { readYamlFile, writeYamlFile } from '../yaml-file.ts';
import { type BackupSecret, generateBackupKey, type KeyRecipe } from './backup-key.ts';

/**
 * What a new backup is encrypted with: the passphrase if one is set, else the installation's BACKUP_KEY, which is made on the first
 * backup. `made` says that it was, and so that nobody has a copy of it yet.
 */
export function secretForBackup(context: Context, configuration: Configuration): { secret: BackupSecret; made: boolean } {
  const { BACKUP_PASSPHRASE, BACKUP_KEY } = configuration.cli;
  if (BACKUP_PASSPHRASE) return { secret: { passphrase: BACKUP_PASSPHRASE.reveal() }, made: false };
  if (BACKUP_KEY) return { secret: { key: BACKUP_KEY.reveal() }, made: false };
  const key = generateBackupKey();
  const file = readYamlFile(context.root.secrets);
  file.document.set('BACKUP_KEY', key);
  writeYamlFile(file, 0o600);
  return { secret: { key }, made: true };
}

/** What opens a backup: from the settings, or asked for. */
export async function secretForRestore(context: Context, configuration: Configuration, recipe: KeyRecipe): Promise<BackupSecret> {
  const { BACKUP_PASSPHRASE, BACKUP_KEY } = configuration.cli;
  if (recipe.kind === 'passphrase') {
    if (BACKUP_PASSPHRASE) return { passphrase: BACKUP_PASSPHRASE.reveal() };
    return { passphrase: await ask(context, 'the passphrase of this backup', 'BACKUP_PASSPHRASE') };
  }
  if (BACKUP_KEY) return { key: BACKUP_KEY.reveal() };
  return { key: await ask(context, 'the BACKUP_KEY of this backup', 'BACKUP_KEY') };
}

async function ask(context: Context, what: string, setting: string): Promise<string> {
  if (!context.interactive)
    throw new CommandError('invalid', `${what} is needed, and nobody can be asked here`, {
      fix: `set ${setting}, or ${setting}_FILE to the path of a file that holds it`,
    });
  const clack = await import('@clack/prompts');
  const answer = await clack.password({ message: `What is ${what}?` });
  if (typeof answer !== 'string') throw new Interrupted();
  return answer.trim();
}
