import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print } from '../context.ts';
import { examples } from '../examples.ts';
import { CommandError } from '../failure.ts';
import { docker } from '../images/docker.ts';
import { checkout, type ImageTag, imageTag } from '../images/tag.ts';

export function addImages(program: Command, act: Act): void {
  const images = program.command('images').description('the container image of this checkout');
  images
    .command('printtag')
    .description('print the tag that names this checkout: version and commit')
    .addHelpText('after', examples('waybill images printtag', 'waybill images printtag --json'))
    .action(act(printTag));
  images
    .command('build')
    .description('build the image for this machine, and write its bill of materials')
    .addHelpText('after', examples('waybill images build', 'waybill --dry-run images build'))
    .action(act(build));
  images
    .command('push')
    .description('build the image for every platform in IMAGE_PLATFORMS and push it')
    .addHelpText('after', examples('IMAGE_REPOSITORY=registry.example.com/waybill waybill images push'))
    .action(act(push));
}

async function printTag(context: Context): Promise<undefined> {
  const { repository } = settingsOf(context);
  const named = await imageTag(context.io.env);
  print(context, { repository, image: `${repository}:${named.tag}`, ...named }, [named.tag]);
}

async function build(context: Context): Promise<undefined> {
  const { repository } = settingsOf(context);
  const named = await imageTag(context.io.env);
  await docker(context, [...buildx(named), '--tag', `${repository}:${named.tag}`, '--load', checkout]);
  const bill = await writeBill(context, named);
  print(context, { image: `${repository}:${named.tag}`, bill, built: !context.dryRun }, [
    `${repository}:${named.tag} ${context.dryRun ? 'would be' : 'is'} built; its bill of materials: ${bill}`,
  ]);
}

async function push(context: Context): Promise<undefined> {
  const { repository, platforms } = settingsOf(context);
  const named = await imageTag(context.io.env);
  if (named.dirty) {
    throw new CommandError(
      'conflict',
      `the checkout has changes that are in no commit, and ${named.tag} would name code that nobody else has`,
      {
        fix: 'commit them or put them aside ("git status" lists them), then push again',
      },
    );
  }
  await docker(context, [
    ...buildx(named),
    ...['--platform', platforms.join(',')],
    ...['--tag', `${repository}:${named.tag}`],
    '--provenance=mode=max',
    '--push',
    checkout,
  ]);
  const bill = await writeBill(context, named);
  print(context, { image: `${repository}:${named.tag}`, platforms, bill, pushed: !context.dryRun }, [
    `${repository}:${named.tag} ${context.dryRun ? 'would be' : 'is'} pushed for ${platforms.join(', ')}; its bill of materials: ${bill}`,
  ]);
}

/** The bill of materials is in the image, as /app/sbom.cdx.json; this puts the same file where it can be read without the image. */
async function writeBill(context: Context, named: ImageTag): Promise<string> {
  const folder = join(context.root.path, 'images', named.tag);
  await docker(context, [...buildx(named), '--target', 'sbom', '--output', `type=local,dest=${folder}`, checkout]);
  return join(folder, 'sbom.cdx.json');
}

const buildx = ({ version, commit }: ImageTag): string[] => [
  ...['buildx', 'build', '--progress', 'plain', '--file', join(checkout, 'Dockerfile')],
  ...['--build-arg', `VERSION=${version}`, '--build-arg', `REVISION=${commit}`],
];

function settingsOf({ root, io }: Context): { repository: string; platforms: readonly string[] } {
  const { cli } = loadConfiguration(root, io.env);
  return { repository: cli.IMAGE_REPOSITORY, platforms: cli.IMAGE_PLATFORMS };
}
