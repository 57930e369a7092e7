import { setTimeout as delay } from 'node:timers/promises';
import { WaybillError } from './errors.ts';
import { type Logger, limitLogger } from './log.ts';
import type { Temporal } from './temporal-client.ts';
import { type Deployment, lastPollOf, readDeployment, setCurrentBuild } from './worker-deployments.ts';
import type { WorkerVersion } from './worker-version.ts';

/** A worker's request for work waits up to a minute at the server, so one that has not asked for longer than this is gone. */
const goneAfterMs = 90_000;
const lookEveryMs = 30_000;
const firstLooksMs = 250;

/**
 * Sees to it that somebody gets an order: without a current build, Temporal gives work to nobody who says which build he is.
 * A worker makes its own build current
 * - when there is none,
 * - when the current one has had no worker for a while,
 * - and, where orders move on anyway, at once when its build is new. One that was current before waits to be asked: a worker
 *   that is merely started again in the middle of an upgrade must not turn it back.
 */
export function startPromotion(options: {
  temporal: Temporal;
  worker: WorkerVersion;
  taskQueue: string;
  log: Logger;
  /** For tests. */
  goneAfterMs?: number;
  lookEveryMs?: number;
}): { stop(): Promise<void> } {
  const { temporal, worker, taskQueue } = options;
  const { deploymentName: name, buildId } = worker.version;
  const log = limitLogger(options.log.child({ deployment: name, buildId }));
  const stopping = new AbortController();

  /** Why this build should become current now, if it should. */
  async function reason(deployment: Deployment): Promise<string | undefined> {
    const own = deployment.builds.find((build) => build.buildId === buildId);
    const { current } = deployment;
    if (!own || current === buildId) return undefined;
    if (current === undefined) return 'no build was current';
    if (worker.behavior === 'AUTO_UPGRADE' && !own.wasActive) return 'it is new';
    const lastPoll = await lastPollOf(temporal, { name, buildId: current, taskQueue });
    const gone = !lastPoll || Date.now() - lastPoll.getTime() > (options.goneAfterMs ?? goneAfterMs);
    return gone ? `${current} has no worker any more` : undefined;
  }

  /** True when there is nothing to do for a while. */
  async function look(): Promise<boolean> {
    const deployment = await readDeployment(temporal, name);
    if (!deployment?.builds.some((build) => build.buildId === buildId)) return false; // our first poll is not known there yet
    const why = await reason(deployment);
    if (why === undefined) return true;
    await setCurrentBuild(temporal, { name, buildId, token: deployment.token });
    log.info('build is current now', { reason: why, before: deployment.current ?? null });
    return true;
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      let pause = options.lookEveryMs ?? lookEveryMs;
      try {
        if (await look()) failures = 0;
        else pause = firstLooksMs;
      } catch (err) {
        // A refusal means that not all queues are polled yet, or that another worker was faster.
        pause = Math.min(firstLooksMs * 2 ** failures++, pause);
        if (failures > 6 || !(err instanceof WaybillError)) log.warn('cannot look after the current build, trying again', { err });
      }
      await delay(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  const ended = run();
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
