import { type Context, print } from '../context.ts';
import { installedObjects } from './helm.ts';
import { writeManifests } from './manifests.ts';
import { isHook, type KubeObject, nameOf } from './objects.ts';
import { type Release, selectReleases } from './releases.ts';
import { objectsOf, type Rendered, render } from './render.ts';
import { openSession, type Session } from './session.ts';
import type { SelectOptions } from './status.ts';

type Difference = { release: string; added: string[]; removed: string[]; text: string };

/** What an install would change now. Secrets are no part of a release, and kubectl hides the values of those of others. */
export async function diff(context: Context, options: SelectOptions): Promise<undefined> {
  const session = openSession(context, options);
  const rendered = await render(session);
  const differences: Difference[] = [];
  for (const release of selectReleases(session, options.part)) differences.push(await compare(session, release, rendered));
  const changed = differences.some(({ added, removed, text }) => added.length > 0 || removed.length > 0 || text !== '');
  print(context, { changed, releases: differences }, [
    ...differences.flatMap(({ release, added, removed, text }) => [
      ...added.map((name) => `+ ${release}: ${name} would be made`),
      ...removed.map((name) => `- ${release}: ${name} would go`),
      ...(text === '' ? [] : [text.trimEnd()]),
    ]),
    changed
      ? 'nothing was changed; "waybill k8s quickstart" would do this'
      : 'no difference: the cluster is as the charts and the settings say',
  ]);
}

async function compare(session: Session, release: Release, rendered: Rendered): Promise<Difference> {
  // A hook runs at every install and is no state to compare.
  const wanted = objectsOf(rendered, release).filter((object) => !isHook(object));
  const before = await installedObjects(session, release);
  const isIn = (list: readonly KubeObject[], object: KubeObject) => list.some((other) => nameOf(other) === nameOf(object));
  const known = wanted.filter((object) => isIn(before, object));
  return {
    release: release.name,
    added: wanted.filter((object) => !isIn(before, object)).map(nameOf),
    removed: before.filter((object) => !isIn(wanted, object)).map(nameOf),
    text: known.length === 0 ? '' : await live(session, known),
  };
}

/** Against the live objects, so that what somebody changed by hand is seen as well. Exit code 1 of kubectl means a difference. */
async function live(session: Session, objects: readonly KubeObject[]): Promise<string> {
  const managed = objects.map(asHelmWrites);
  const { stdout } = await session.tools.read('kubectl', ['diff', '-f', '-'], { input: writeManifests(managed), accept: [1] });
  return stdout
    .split('\n')
    .filter((line) => !/^diff /.test(line))
    .map((line) => line.replace(/^(---|\+\+\+) \S*\/(LIVE|MERGED)-\d+\/(\S+).*/, '$1 $3'))
    .join('\n');
}

/** Helm adds this label and these annotations; without them every object would differ. */
const asHelmWrites = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'app.kubernetes.io/managed-by': 'Helm' } },
});
