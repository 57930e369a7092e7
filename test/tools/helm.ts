import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const newest = { 3: 'helm.sh/helm/v3/cmd/helm@v3.22.0', 4: 'helm.sh/helm/v4/cmd/helm@v4.3.1' } as const;
export type HelmMajor = keyof typeof newest;
export const helmMajors: readonly HelmMajor[] = [3, 4];

const found = new Map<HelmMajor, Promise<string>>();

/**
 * The path of Helm 3 or 4: what HELM names, else helm3, helm4 or helm in PATH or ~/go/bin, whichever has that version. Throws how to
 * get it: no test of the charts is skipped for want of it.
 */
export function findHelm(major: HelmMajor): Promise<string> {
  const known = found.get(major);
  if (known !== undefined) return known;
  const search = findOf(major);
  found.set(major, search);
  return search;
}

async function findOf(major: HelmMajor): Promise<string> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  const candidates = [
    ...(process.env['HELM'] ? [process.env['HELM']] : []),
    ...[`helm${major}`, 'helm'].flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  for (const path of candidates) {
    const { stdout } = await run(path, ['version', '--short']).catch(() => ({ stdout: '' })); // not there, or no Helm
    if (stdout.startsWith(`v${major}.`)) return path;
  }
  throw new Error(
    `Helm ${major} is not in PATH or ~/go/bin: run "go install ${newest[major]} && mv ~/go/bin/helm ~/go/bin/helm${major}", or name it in HELM`,
  );
}
