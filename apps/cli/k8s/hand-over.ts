import { proseOf } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { buildsOfOrders, makeCurrentIn } from '../temporal/builds.ts';
import { requireReplay } from '../upgrade/in-cluster.ts';
import { applyObject } from './apply.ts';
import {
  type BuildWorkers,
  beside,
  besideLabel,
  buildsToKeep,
  buildWorkersIn,
  parseEarlierBuilds,
  type SeenBuild,
  withEarlierBuilds,
  worksOnOrders,
} from './builds.ts';
import { installedObjects } from './helm.ts';
import { componentOf, nameOf } from './objects.ts';
import { type Release, releasesOf } from './releases.ts';
import { objectsOf, type Rendered } from './render.ts';
import { remember, type Session } from './session.ts';
import { workloadsOf } from './workloads.ts';

/**
 * Before other code is installed: decides which earlier builds keep their workers, and refuses a build that orders would move
 * on to and could not follow. Returns the session that renders the decision. Builds that are drained go only with `tidy`.
 */
export async function prepareHandOver(
  session: Session,
  rendered: Rendered,
  options: { tidy?: boolean; forceUpgrade?: boolean },
): Promise<Session> {
  const waybill = waybillOf(session);
  const wanted = newestOfOrders(buildWorkersIn(objectsOf(rendered, waybill)));
  // A build that the user names himself does not say which image it is: he looks after earlier ones in env-custom as well.
  if (!wanted || wanted.buildId !== wanted.image.tag) return session;
  const running = buildWorkersIn(await workloadsOf(session, waybill));
  const before = newestOfOrders(running);
  const moves = [wanted, before].some((workers) => workers?.versioning === 'autoUpgrade');
  if (before && before.buildId !== wanted.buildId && moves && !options.forceUpgrade) await requireReplay(session, rendered, before);
  const entries = session.configuration.cli.K8S_EARLIER_BUILDS ?? [];
  const remembered = parseEarlierBuilds(entries, session.environment);
  if (running.length === 0 && remembered.length === 0) return session; // a first install
  const seen = options.tidy ? await askTemporal(session) : undefined;
  const kept = buildsToKeep({ wanted: wanted.buildId, running, remembered, seen });
  return remember(session, { K8S_EARLIER_BUILDS: withEarlierBuilds(entries, session.environment, kept) });
}

/** After the new workers are ready: gives them what is new, and says who else stays. */
export async function handOver(session: Session): Promise<void> {
  const { environment } = session;
  const say = proseOf(session.context);
  const { asksForWork } = await import('@waybill/server/operations/builds'); // brings every service along
  const newest = buildWorkersIn(await workloadsOf(session, waybillOf(session))).filter(
    ({ newest: isNewest, object }) => isNewest && object.spec.replicas !== 0,
  );
  for (const [buildId, workers] of Map.groupBy(newest, (one) => one.buildId)) {
    const services = [...new Set(workers.flatMap((one) => one.services))].filter(asksForWork).toSorted();
    if (!(await hasTemporal(session))) {
      say(`this Temporal is looked after elsewhere: give ${buildId} what is new with "temporal worker deployment set-current-version",`);
      say(`  for each of ${services.map((service) => `waybill-${service}`).join(', ')}`);
      continue;
    }
    const changed = await makeCurrentIn(session, buildId, services).catch((cause: unknown) => {
      if (cause instanceof Interrupted) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CommandError('unavailable', `build ${buildId} runs in ${environment} and gets no new orders yet: ${reason}`, {
        fix: `when Temporal answers, say "waybill temporal set-current ${buildId} -e ${environment}"`,
        cause,
      });
    });
    if (changed.length > 0) say(`build ${buildId} gets what is new of ${changed.join(', ')}`);
  }
  const kept = parseEarlierBuilds(session.configuration.cli.K8S_EARLIER_BUILDS ?? [], environment);
  for (const { tag } of kept)
    say(`build ${tag} keeps a worker for the orders that began on it; the first quickstart after their end takes it out`);
}

/** Takes out workers that a rollback left beside the release and that the release neither needs nor has taken over. */
export async function removeBeside(session: Session, rendered: Rendered): Promise<void> {
  const waybill = waybillOf(session);
  const wanted = new Set(objectsOf(rendered, waybill).map(nameOf));
  for (const object of await workloadsOf(session, waybill, besideLabel)) {
    if (wanted.has(nameOf(object))) continue;
    await session.tools.change('kubectl', ['delete', 'deployment', object.metadata.name, '--namespace', waybill.namespace]);
  }
}

/**
 * Before Helm goes back to a revision: workers that it would take from orders pinned to them are put beside the release.
 * Returns their builds.
 */
export async function keepBeside(session: Session, release: Release, revision: number): Promise<string[]> {
  const target = buildWorkersIn(await installedObjects(session, release, revision)).filter(worksOnOrders);
  const goes = buildWorkersIn(await workloadsOf(session, release)).filter(
    (workers) => worksOnOrders(workers) && workers.versioning === 'pinned' && !target.some(({ buildId }) => buildId === workers.buildId),
  );
  if (goes.length === 0 || session.context.dryRun) return [];
  const seen = await askTemporal(session);
  const needed = new Set(buildsToKeep({ wanted: '', running: goes, remembered: [], seen }).map(({ tag }) => tag));
  const stay = goes.filter(({ image }) => needed.has(image.tag));
  for (const workers of stay) await applyObject(session.tools, beside(workers, release), { force: true });
  return stay.map(({ buildId }) => buildId);
}

/** After a rollback the settings name what runs beside the release now, so that the next install leaves it there. */
export async function rememberRunning(session: Session): Promise<Session> {
  const running = buildWorkersIn(await workloadsOf(session, waybillOf(session)));
  const wanted = newestOfOrders(running)?.buildId;
  if (wanted === undefined) return session;
  const entries = session.configuration.cli.K8S_EARLIER_BUILDS ?? [];
  const kept = buildsToKeep({ wanted, running, remembered: [] });
  return remember(session, { K8S_EARLIER_BUILDS: withEarlierBuilds(entries, session.environment, kept) });
}

const waybillOf = ({ environment }: Session): Release => releasesOf(environment)[2];

const newestOfOrders = (workers: readonly BuildWorkers[]): BuildWorkers | undefined =>
  workers.find((one) => one.newest && worksOnOrders(one));

/** Undefined when it cannot say: then nothing is taken from anybody. */
async function askTemporal(session: Session): Promise<SeenBuild[] | undefined> {
  const say = proseOf(session.context);
  if (!(await hasTemporal(session))) return undefined;
  return buildsOfOrders(session).catch((error: unknown) => {
    if (error instanceof Interrupted) throw error;
    say(
      `Temporal cannot say which builds still have orders, so all of them stay: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  });
}

/** Whether Temporal is one of ours, which the command reaches through its Service. */
async function hasTemporal(session: Session): Promise<boolean> {
  const [platform] = releasesOf(session.environment);
  return (await workloadsOf(session, platform)).some((object) => componentOf(object) === 'temporal');
}
