import { CommandError } from '../failure.ts';
import { imageTag } from '../images/tag.ts';
import type { Session } from './session.ts';

/** The image of the pods: the one that was chosen, else the one that "images build" makes of this checkout. */
export async function imageOf({ configuration, context }: Session): Promise<ImageValues> {
  const { K8S_IMAGE: chosen, IMAGE_REPOSITORY: repository } = configuration.cli;
  return parseImage(chosen ?? `${repository}:${(await imageTag(context.io.env)).tag}`);
}

export type ImageValues = { repository: string; tag: string; digest?: string };

/**
 * REPOSITORY:TAG or REPOSITORY@DIGEST; a registry's port is no tag. A digest alone becomes a tag as well: nobody pulls by it, but
 * builds of workers go by tags.
 */
export function parseImage(text: string): ImageValues {
  const [name = '', digest] = text.split('@');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const repository = hasTag ? name.slice(0, colon) : name;
  if (repository === '' || (!hasTag && digest === undefined)) {
    throw new CommandError('invalid', `"${text}" does not name an image`, { fix: 'write it as REPOSITORY:TAG or REPOSITORY@sha256:…' });
  }
  const tag = hasTag ? name.slice(colon + 1) : (digest ?? '').replace(':', '-').slice(0, 19);
  return { repository, tag, ...(digest !== undefined && { digest }) };
}
