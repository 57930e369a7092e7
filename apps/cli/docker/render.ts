import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfiguration } from '../configuration.ts';
import { type Context, print } from '../context.ts';
import { removeOthers } from '../rendered-folder.ts';
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
  const files = new Map<string, string>();
  const write = (name: string, text: string, modes: { file: number; folder: number }) => {
    const path = join(folder, name);
    files.set(path, text);
    writeFile(path, text, modes.file, modes.folder);
  };
  // Read by containers whose users are none of this machine's.
  const open = { file: 0o644, folder: 0o755 };
  for (const [name, text] of Object.entries({ ...project.files, 'compose.yaml': composeFile(project) })) write(name, text, open);
  const closed = { file: 0o600, folder: 0o700 };
  makeFolder(join(folder, 'secrets'), closed.folder);
  const secrets = readSecrets(root, 'prod');
  for (const consumer of consumerNames) {
    for (const [key, value] of Object.entries(secretFilesOf(consumer, secrets))) write(join('secrets', consumer, key), value, closed);
  }
  removeOthers(folder, files);
  return [...files.keys()];
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
