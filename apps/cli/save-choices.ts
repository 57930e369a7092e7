import type { Context } from './context.ts';
import { createRoot, type Root } from './root.ts';
import { readYamlFile, writeYamlFile } from './yaml-file.ts';

type Choices = readonly (readonly [string, string | undefined])[];

/** The context as it is once these choices are in config.yml; a choice of now is stronger than what the environment says. */
export const withChoices = (context: Context, changes: Choices): Context => ({
  ...context,
  io: { ...context.io, env: { ...context.io.env, ...Object.fromEntries(changes) } },
});

/** Puts values into config.yml; undefined takes one out. */
export function writeChoices(root: Root, changes: readonly (readonly [string, string | number | boolean | undefined])[]): void {
  createRoot(root);
  const file = readYamlFile(root.config);
  for (const [key, value] of changes) {
    if (value === undefined) file.document.delete(key);
    else file.document.set(key, value);
  }
  writeYamlFile(file, 0o600);
}

/** Keeps what was chosen in config.yml, so that the next command means the same installation; undefined takes a choice out. */
export function saveChoices({ root, io }: Context, changes: Choices): void {
  writeChoices(root, changes);
  for (const [key, value] of changes) io.err(`${key} ${value === undefined ? 'is taken out' : `= ${value}`} (in ${root.config})`);
}
