import type { BuildsReport } from '@waybill/server/operations/builds';
import { type Context, print, table } from '../context.ts';
import type { SeenBuild } from '../k8s/builds.ts';
import { openSession, type Session } from '../k8s/session.ts';
import { withTemporal } from './access.ts';

// Deployments are named alike in every installation; deploy/charts/waybill sets no other prefix.
const prefix = 'waybill';

/** Which builds work on orders, and how many orders are open on each. */
export async function builds(context: Context, options: { env?: string }): Promise<undefined> {
  const report = await reportOf(openSession(context, options));
  print(context, report, await buildLines(report));
}

export async function reportOf(session: Session): Promise<BuildsReport> {
  const { reportBuilds } = await import('@waybill/server/operations/builds'); // brings every service along
  return withTemporal(session, (temporal) => reportBuilds(temporal, prefix));
}

/** A line for each build, then what a person should act on. */
export async function buildLines(report: BuildsReport): Promise<string[]> {
  const { rowsOf, remarksOf } = await import('@waybill/server/operations/builds');
  return [...table(rowsOf(report)), ...remarksOf(report)];
}

/** Sends new orders, and those that move on, to a build; `none` is workers without a version. Going back is the same. */
export async function setCurrent(
  context: Context,
  buildId: string,
  options: { env?: string; service?: string; wait: string },
): Promise<undefined> {
  const chosen = buildId === 'none' ? undefined : buildId;
  if (context.dryRun) return print(context, { would: 'set-current', buildId: chosen ?? null }, [`would make ${buildId} current`]);
  const { makeCurrent } = await import('@waybill/server/operations/builds');
  const work = { prefix, buildId: chosen, service: options.service, timeoutMs: Number(options.wait) * 1_000 };
  const changed = await withTemporal(openSession(context, options), (temporal) => makeCurrent(temporal, work));
  print(
    context,
    { buildId: chosen ?? null, changed },
    changed.map(({ deployment, before }) => `${deployment}: ${buildId} is current, after ${before ?? 'none'}`),
  );
}

/** The builds of the orders' workers that Temporal knows, and how many orders wait for each. */
export async function buildsOfOrders(session: Session): Promise<SeenBuild[]> {
  const { countOpen, readDeployment } = await import('@waybill/kernel/worker-deployments');
  const name = `${prefix}-orders`;
  return withTemporal(session, async (temporal) => {
    const deployment = await readDeployment(temporal, name);
    const seen = (deployment?.builds ?? []).map(async ({ buildId, status }): Promise<SeenBuild> => {
      const pinnedOrders = await countOpen(temporal, { name, buildId }, { pinned: true });
      return { buildId, status, pinnedOrders };
    });
    return Promise.all(seen);
  });
}

const registrationMs = 120_000; // pods are ready before Temporal knows all that their workers ask for

/** Makes a build current in each of these services, once its workers ask for work. Returns those where another was. */
export async function makeCurrentIn(session: Session, buildId: string, services: readonly string[]): Promise<string[]> {
  const { promoteIn } = await import('@waybill/server/operations/builds');
  return withTemporal(session, (temporal) => promoteIn(temporal, { prefix, buildId, services, timeoutMs: registrationMs }));
}
