import { proseOf } from '../context.ts';
import { generateSecrets, secretsPath } from '../secrets.ts';
import { adoptSecrets } from './adopt.ts';
import { applyObject, listOf } from './apply.ts';
import { applySecrets } from './cluster-secrets.ts';
import { handOver, prepareHandOver, removeBeside } from './hand-over.ts';
import { installRelease } from './helm.ts';
import { namespaceObject } from './manifests.ts';
import type { Release } from './releases.ts';
import { render } from './render.ts';
import { requireSecrets } from './required-secrets.ts';
import type { Session } from './session.ts';
import { waitForRelease, withReasons } from './wait.ts';

/** Makes what is missing of the secrets, unless somebody else does. What the cluster holds already is taken over: data may need it. */
export async function prepareSecrets(session: Session): Promise<void> {
  const { context, environment, configuration } = session;
  if (context.dryRun || configuration.cli.K8S_SECRETS === 'external') return;
  const say = proseOf(context);
  const adopted = await adoptSecrets(session);
  if (adopted.length > 0) say(`secrets taken over from the cluster: ${adopted.join(', ')}`);
  for (const use of environment === 'staging' ? (['cluster', 'staging'] as const) : (['cluster'] as const)) {
    const made = generateSecrets(context.root, use);
    if (made.length > 0) say(`secrets generated into ${secretsPath(context.root, use)}: ${made.join(', ')}`);
  }
}

export type InstallOptions = {
  takeOver?: boolean;
  /** Lets go of builds whose last order has ended. */
  tidy?: boolean;
  /** Does not ask whether running orders can go on with the new build. */
  forceUpgrade?: boolean;
};

/**
 * Installs or upgrades the releases in order, each ready before the next that needs it. Returns the session with what was
 * decided on the way.
 */
export async function installAll(begun: Session, releases: readonly Release[], options: InstallOptions = {}): Promise<Session> {
  let session = begun;
  const { context, tools } = session;
  let rendered = await render(session);
  const namespaces = releases.map(({ namespace }) => namespace);
  await applyObject(tools, listOf(namespaces.map(namespaceObject)), { force: true });
  await applySecrets(session, namespaces);
  if (!context.dryRun) await requireSecrets(session, releases, rendered);
  for (const release of releases) {
    if (release.part === 'apps' && !context.dryRun) {
      session = await prepareHandOver(session, rendered, options);
      if (session !== begun) rendered = await render(session);
    }
    proseOf(context)(`${release.name} → namespace ${release.namespace}`);
    await withReasons(session, release, installRelease(session, release, rendered, { takeOver: options.takeOver ?? false }));
    // Monitoring watches the rest and nothing needs it, so it may become ready by and by.
    if (!context.dryRun && release.part === 'infra') await waitForRelease(session, release);
  }
  const later = releases.filter(({ part }) => part !== 'infra').toReversed();
  if (context.dryRun) return session;
  for (const release of later) await waitForRelease(session, release);
  if (later.some(({ part }) => part === 'apps')) {
    await handOver(session);
    await removeBeside(session, rendered);
  }
  return session;
}
