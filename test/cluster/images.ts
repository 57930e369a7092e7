// Makes the images that the cluster tests need, without a registry: node test/cluster/images.ts [NAME…]
// With CLUSTER_TOOL, a program that takes `load ARCHIVE`, they are loaded; otherwise the archives are for `docker load --input`,
// `kind load image-archive` or `ctr --namespace k8s.io images import`. IMAGE_TAG overrides the tag of Waybill's own.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { imageTag } from '../../apps/cli/images/tag.ts';
import { packImage } from './image/archive.ts';
import { cache, run } from './image/programs.ts';
import { assemble, type RecipeName, recipes } from './image/recipes.ts';

/** Makes images and loads them where there is something to load them into. Returns their full names. */
export async function loadImages(names: readonly RecipeName[], tag: string): Promise<string[]> {
  const loaded: string[] = [];
  await mkdir(join(cache, 'archives'), { recursive: true });
  for (const name of names) {
    const { image, root, config } = await assemble(name, tag);
    const archive = join(cache, 'archives', `${name}.tar`);
    await packImage({ name: image, root, archive, config });
    const tool = process.env['CLUSTER_TOOL'];
    if (tool) await run(tool, ['load', archive]);
    console.log(`${image}: ${tool ? 'loaded' : archive} (${Math.round((await stat(archive)).size / 1_000_000)} MB)`);
    loaded.push(image);
  }
  return loaded;
}

if (import.meta.main) {
  const tag = process.env['IMAGE_TAG'] ?? (await imageTag(process.env)).tag;
  const known = Object.keys(recipes(tag)) as RecipeName[]; // the keys of the table
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !known.some((other) => other === name));
  if (unknown.length > 0) throw new Error(`there is no image ${unknown.join(', ')}: there are ${known.join(', ')}`);
  await loadImages(asked.length > 0 ? known.filter((name) => asked.includes(name)) : known, tag);
}
