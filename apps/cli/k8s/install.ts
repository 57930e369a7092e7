import { proseOf } from '../context.ts';
import { generateSecrets, secretsPath } from '../secrets.ts';
import { adoptSecrets } from './adopt.ts';
import { applySecrets } from './cluster-secrets.ts';
import { installRelease } from './helm.ts';
import { namespaceObject } from './manifests.ts';
import type { Release } from './releases.ts';
import { type Rendered, render } from './render.ts';
import type { Session } from './session.ts';
import { waitForRelease, withReasons } from './wait.ts';

/** Makes what is missing of the secrets. What the cluster holds already is taken over: data may need it. */
export async function prepareSecrets(session: Session): Promise<void> {
  const { context, environment } = session;
  if (context.dryRun) return;
  const say = proseOf(context);
  const adopted = await adoptSecrets(session);
  if (adopted.length > 0) say(`secrets taken over from the cluster: ${adopted.join(', ')}`);
  for (const use of environment === 'staging' ? (['cluster', 'staging'] as const) : (['cluster'] as const)) {
    const made = generateSecrets(context.root, use);
    if (made.length > 0) say(`secrets generated into ${secretsPath(context.root, use)}: ${made.join(', ')}`);
  }
}

/** Installs or upgrades the releases in order, each ready before the next that needs it. */
export async function installAll(session: Session, releases: readonly Release[], options: { takeOver?: boolean } = {}): Promise<Rendered> {
  const { context, tools } = session;
  const rendered = await render(session);
  const namespaces = releases.map(({ namespace }) => namespace);
  await tools.change('kubectl', ['apply', '--server-side', '--force-conflicts', '--field-manager=waybill', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: namespaces.map(namespaceObject) }),
  });
  await applySecrets(session, namespaces);
  for (const release of releases) {
    proseOf(context)(`${release.name} → namespace ${release.namespace}`);
    await withReasons(session, release, installRelease(session, release, rendered, { takeOver: options.takeOver ?? false }));
    // Monitoring watches the rest and nothing needs it, so it may become ready by and by.
    if (!context.dryRun && release.part === 'infra') await waitForRelease(session, release);
  }
  const later = releases.filter(({ part }) => part !== 'infra').toReversed();
  if (!context.dryRun) for (const release of later) await waitForRelease(session, release);
  return rendered;
}
