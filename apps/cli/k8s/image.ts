import { imageTag } from '../images/tag.ts';
import type { Session } from './session.ts';
import { type ImageValues, parseImage } from './values.ts';

/** The image of the pods: the one that was chosen, else the one that "images build" makes of this checkout. */
export async function imageOf({ configuration, context }: Session): Promise<ImageValues> {
  const { K8S_IMAGE: chosen, IMAGE_REPOSITORY: repository } = configuration.cli;
  return parseImage(chosen ?? `${repository}:${(await imageTag(context.io.env)).tag}`);
}
