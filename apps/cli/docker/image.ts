import type { Configuration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { lastLines, type Tools } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import { imageTag } from '../images/tag.ts';
import { parseImage } from '../k8s/image.ts';

/** The image of the containers: the one that was chosen, else the one that "images build" makes of this checkout. */
export async function imageFor({ io }: Context, { cli }: Configuration): Promise<string> {
  const { LOCAL_IMAGE: chosen, IMAGE_REPOSITORY: repository } = cli;
  if (chosen === undefined) return `${repository}:${(await imageTag(io.env)).tag}`;
  parseImage(chosen); // throws when it names none
  return chosen;
}

/** Makes sure that the image is on this machine. It is fetched only when somebody named where from. */
export async function requireImage(tools: Tools, configuration: Configuration, image: string): Promise<void> {
  const found = await tools.read('docker', ['image', 'inspect', '--format', '{{.Id}}', image], { accept: 'any' });
  if (found.code === 0) return;
  if (!configuration.chosen('LOCAL_IMAGE') && !configuration.chosen('IMAGE_REPOSITORY')) {
    throw new CommandError('not_found', `the image ${image} is not on this machine`, {
      fix: 'build it with "waybill images build", or name one that a registry has: --image REPOSITORY:TAG',
    });
  }
  const pulled = await tools.change('docker', ['pull', '--quiet', image], { accept: 'any', timeoutMs: 1_800_000 });
  if (pulled.code === 0) return;
  throw new CommandError('not_found', `the image ${image} is not on this machine, and cannot be fetched: ${lastLines(pulled.stderr)}`, {
    fix: 'build it with "waybill images build", log in with "docker login", or name another: --image REPOSITORY:TAG',
  });
}
