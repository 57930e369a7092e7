import { type Context, print, proseOf } from '../context.ts';
import { CommandError } from '../failure.ts';
import { applyObject, listOf } from '../k8s/apply.ts';
import { installAll, prepareSecrets } from '../k8s/install.ts';
import { componentOf } from '../k8s/objects.ts';
import { type Release, releasesOf } from '../k8s/releases.ts';
import { objectsOf, render } from '../k8s/render.ts';
import { openSession, type Session } from '../k8s/session.ts';
import { waitForRelease } from '../k8s/wait.ts';
import { status } from './status.ts';

/** PostgreSQL, Temporal and its UI, without the rest of an installation. */
export async function install(context: Context, options: { env?: string }): Promise<number> {
  const session = openSession(context, options);
  await prepareSecrets(session);
  await installAll(session, [platformOf(session)]);
  return context.dryRun ? 0 : status(context, options);
}

/** Brings both databases to the schema of this version: makes it where there is none, and updates it where it is behind. */
export const applySchema = (context: Context, options: { env?: string }): Promise<undefined> =>
  again(openSession(context, options), 'temporal-schema', 'the schema is up to date');

/** Makes the declared namespaces, and gives them the declared retention and search attributes. */
export const applyNamespaces = (context: Context, options: { env?: string }): Promise<undefined> =>
  again(openSession(context, options), 'temporal-namespaces', 'the namespaces are as declared');

const platformOf = (session: Session): Release => releasesOf(session.environment)[0];

/** Runs a Job of the platform once more. Its name says what it does, so the finished one has to go first. */
async function again(session: Session, component: string, done: string): Promise<undefined> {
  const { context, tools } = session;
  const platform = platformOf(session);
  const objects = objectsOf(await render(session), platform).filter((object) => componentOf(object) === component);
  const job = objects.find(({ kind }) => kind === 'Job');
  if (!job) {
    throw new CommandError('not_found', `the chart platform has no ${component} Job`, {
      fix: 'temporal.enabled is off: this Temporal is looked after elsewhere',
    });
  }
  await tools.change('kubectl', ['delete', 'job', job.metadata.name, '--namespace', platform.namespace, '--ignore-not-found', '--wait']);
  await applyObject(tools, listOf(objects), { force: true });
  if (!context.dryRun) await waitForRelease(session, platform, { selector: `app.kubernetes.io/component=${component}` });
  const log = context.dryRun
    ? undefined
    : await tools.read('kubectl', ['logs', '--namespace', platform.namespace, `job/${job.metadata.name}`, '--tail', '5'], { accept: [1] });
  if (log?.code === 0) proseOf(context)(log.stdout.trim());
  print(context, { component, done: !context.dryRun }, [context.dryRun ? 'nothing was changed' : done]);
}
