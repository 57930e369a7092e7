import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfiguration } from '../configuration.ts';
import { type Context, print } from '../context.ts';
import type { Root } from '../root.ts';
import { generateSecrets, readSecrets } from '../secrets.ts';
import { writeWhole } from '../yaml-file.ts';
import { imageFor } from './image.ts';
import { composeFile, createProject, type Project } from './project.ts';
import { consumerNames, secretFilesOf } from './secret-files.ts';

export const dockerFolder = (root: Root): string => join(root.path, 'docker');
export const composePath = (root: Root): string => join(dockerFolder(root), 'compose.yaml');

/** Writes the project with its secrets into the root folder; what is no longer part of it goes. Returns the paths. */
export function writeProject(root: Root, project: Project): string[] {
  const folder = dockerFolder(root);
  makeFolder(folder, 0o755);
  const files = new Map(Object.entries({ ...project.files, 'compose.yaml': composeFile(project) }));
  // Read by containers whose users are none of this machine's.
  for (const [name, text] of files) writeFile(join(folder, name), text, 0o644, 0o755);
  const secrets = readSecrets(root, 'prod');
  for (const consumer of consumerNames) {
    for (const [key, value] of Object.entries(secretFilesOf(consumer, secrets))) {
      files.set(join('secrets', consumer, key), value);
      makeFolder(join(folder, 'secrets'), 0o700);
      writeFile(join(folder, 'secrets', consumer, key), value, 0o600, 0o700);
    }
  }
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !files.has(path.slice(folder.length + 1))) rmSync(path);
  }
  return [...files.keys()].map((name) => join(folder, name));
}

function writeFile(path: string, text: string, mode: number, folderMode: number): void {
  makeFolder(dirname(path), folderMode);
  writeWhole(path, text, mode);
  chmodSync(path, mode); // whatever the umask
}

function makeFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

/** Writes what `local start --docker` would run, and says where it is. */
export async function renderCommand(context: Context): Promise<undefined> {
  const { root, io } = context;
  const configuration = loadConfiguration(root, io.env);
  const project = createProject(root, configuration, await imageFor(context, configuration));
  if (context.dryRun) {
    return print(context, { would: 'render', folder: dockerFolder(root) }, [`would render into ${dockerFolder(root)}`]);
  }
  generateSecrets(root, 'docker');
  const files = writeProject(root, project);
  print(context, { folder: dockerFolder(root), files }, [
    `${files.length} files rendered into ${dockerFolder(root)}`,
    `start them with "waybill ${root.flag}local start --docker", or with "docker compose --file ${composePath(root)} up --detach --wait"`,
  ]);
}
