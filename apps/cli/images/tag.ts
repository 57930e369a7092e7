import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CommandError } from '../failure.ts';

const run = promisify(execFile);

/** The checkout that this command runs from: what an image is built of. */
export const checkout = fileURLToPath(new URL('../../../', import.meta.url));

export type ImageTag = {
  /** VERSION-COMMIT, and `-dirty` behind it when the image would hold what is in no commit. */
  tag: string;
  version: string;
  commit: string;
  dirty: boolean;
};

/** What an image of this checkout is called: the version of package.json and the commit, so that equal tags are equal code. */
export async function imageTag(env: NodeJS.ProcessEnv): Promise<ImageTag> {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }; // npm's own file
  const commit = await git(env, 'rev-parse', 'HEAD');
  const dirty = (await git(env, 'status', '--porcelain')) !== '';
  return { tag: `${version}-${commit.slice(0, 12)}${dirty ? '-dirty' : ''}`, version, commit, dirty };
}

async function git(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  try {
    return (await run('git', ['-C', checkout, ...args], { env })).stdout.trim();
  } catch (cause) {
    throw new CommandError('unavailable', `the commit of ${checkout} cannot be read, and an image is named after it`, {
      fix: 'install git, and run this from a clone of the repository that has a commit',
      cause,
    });
  }
}
