import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './programs.ts';

/** What an image says of itself besides its files, as in a Dockerfile. */
export type ImageConfig = {
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  env?: Record<string, string>;
  user?: string;
  workdir?: string;
};

/** Docker's names of architectures. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/**
 * Packs a folder as an image of one layer: an archive as `docker save` writes it, which `docker load`, `kind load image-archive` and
 * `ctr images import` read. The same files make the same archive.
 */
export async function packImage(options: { name: string; root: string; archive: string; config: ImageConfig }): Promise<void> {
  const { name, root, archive, config } = options;
  const work = await mkdtemp(join(dirname(archive), 'pack-'));
  const repeatable = ['--sort=name', '--mtime=@0', '--numeric-owner', '--owner=0', '--group=0'];
  try {
    await run('tar', [...repeatable, '-C', root, '-cf', join(work, 'layer.tar'), '.']);
    const { entrypoint, cmd, env = {}, user, workdir } = config;
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const description = {
      architecture,
      os: 'linux',
      config: {
        Entrypoint: entrypoint,
        Cmd: cmd,
        Env: Object.entries({ PATH: path, ...env }).map(([key, value]) => `${key}=${value}`),
        User: user,
        WorkingDir: workdir,
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(join(work, 'layer.tar'))}`] },
    };
    await writeFile(join(work, 'config.json'), JSON.stringify(description));
    await writeFile(join(work, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]));
    await run('tar', [...repeatable, '-C', work, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
