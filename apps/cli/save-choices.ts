import type { Context } from './context.ts';
import { createRoot } from './root.ts';
import { readYamlFile, writeYamlFile } from './yaml-file.ts';

/** Keeps what was chosen in config.yml, so that the next command means the same installation; undefined takes a choice out. */
export function saveChoices({ root, io }: Context, changes: readonly (readonly [string, string | undefined])[]): void {
  createRoot(root);
  const file = readYamlFile(root.config);
  for (const [key, value] of changes) {
    if (value === undefined) file.document.delete(key);
    else file.document.set(key, value);
  }
  writeYamlFile(file, 0o600);
  for (const [key, value] of changes) io.err(`${key} ${value === undefined ? 'is taken out' : `= ${value}`} (in ${root.config})`);
}
