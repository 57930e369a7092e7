import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** What sources read beside themselves at run time, by its place in dist. */
export type Assets = {
  /** Files and folders to copy. */
  files: Map<string, string>;
  /** Workflow code, to be bundled by the SDK. */
  workflows: Map<string, string>;
};

const besideSource = /new URL\('(\.[^']*)', import\.meta\.url\)/g;
const ofPackage = /import\.meta\.resolve\('([^']+)'\)/g;

/**
 * Finds every `new URL('./…', import.meta.url)` and `import.meta.resolve('…')` and makes it name the thing's place in dist, where all
 * JavaScript lies in one folder, so that a path from one file is a path from any. What cannot be placed ends the build.
 */
export function collectAssets(): { assets: Assets; plugin: Plugin } {
  const assets: Assets = { files: new Map(), workflows: new Map() };
  return {
    assets,
    plugin: {
      name: 'assets',
      transform(code, id) {
        const loadedByPath = new Map<string, string>();
        const placed = code
          .replaceAll(
            besideSource,
            (_, path: string) => `new URL('./${place(join(dirname(id), path), assets, loadedByPath)}', import.meta.url)`,
          )
          .replaceAll(
            ofPackage,
            (_, name: string) =>
              `new URL('./${place(fileURLToPath(import.meta.resolve(name)), assets, loadedByPath)}', import.meta.url).href`,
          );
        for (const [fileName, path] of loadedByPath)
          this.emitFile({ type: 'chunk', id: path, fileName, preserveSignature: 'allow-extension' });
        return placed === code ? undefined : { code: placed, map: null };
      },
    },
  };
}

function place(path: string, { files, workflows }: Assets, loadedByPath: Map<string, string>): string {
  const name = basename(path);
  const folder = basename(dirname(path));
  if (path.includes(`${sep}.cache${sep}`)) return 'cache/'; // where bundles are kept that are made at run time: dist makes none
  if (!existsSync(path)) throw new Error(`${path} is named by a source and is not there`);
  if (name === 'migrations' && statSync(path).isDirectory()) return `${remember(files, `migrations/${folder}`, path)}/`;
  if (name === 'index.ts' && folder === 'workflows') return remember(workflows, `workflows/${basename(dirname(dirname(path)))}.js`, path);
  if (name.endsWith('.ts')) return remember(loadedByPath, `${name.slice(0, -'.ts'.length)}.js`, path);
  return remember(files, name, path);
}

function remember(map: Map<string, string>, target: string, path: string): string {
  const other = map.get(target);
  if (other !== undefined && other !== path) throw new Error(`${other} and ${path} would both become dist/${target}: rename one`);
  map.set(target, path);
  return target;
}
