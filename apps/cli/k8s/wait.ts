import { setTimeout as delay } from 'node:timers/promises';
import { proseOf } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import type { Finding } from './explain.ts';
import { findingsOf } from './observe.ts';
import type { Release } from './releases.ts';
import type { Session } from './session.ts';

const pauseMs = 2_000;

/** Waits until everything of a release is ready, and says what it waits for whenever that changes. */
export async function waitForRelease(
  session: Session,
  release: Release,
  options: { selector?: string; timeoutMs?: number } = {},
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? session.configuration.cli.K8S_TIMEOUT;
  const deadline = Date.now() + timeoutMs;
  const say = teller(session, release);
  const stop = stopOf(session);
  try {
    for (;;) {
      const findings = await findingsOf(session, release, options.selector);
      say(findings);
      const open = findings.filter(({ state }) => state === 'waiting' || state === 'failed');
      if (open.length === 0 && findings.length > 0) return;
      const failed = open.filter(({ state }) => state === 'failed');
      if (failed.length > 0) throw notReady(release, failed, 'has failed');
      if (Date.now() > deadline) {
        if (findings.length === 0) throw nothingThere(session, release);
        throw notReady(release, open, `is not ready after ${Math.round(timeoutMs / 1_000)} s`);
      }
      if (findings.length === 0 && Date.now() > deadline - timeoutMs + 10_000) throw nothingThere(session, release);
      await pause(stop.signal);
    }
  } finally {
    stop.forget();
  }
}

/** Runs a piece of work that the cluster does for us, and says meanwhile what of the release is not ready and why. */
export async function withReasons<T>(session: Session, release: Release, work: Promise<T>): Promise<T> {
  const say = teller(session, release);
  const stop = stopOf(session);
  let done = false;
  const finished = work.finally(() => {
    done = true;
    stop.abort();
  });
  finished.catch(() => {}); // thrown below, by the caller's await
  try {
    while (!done) {
      await delay(pauseMs, undefined, { signal: stop.signal }).catch(() => {});
      if (done) break;
      // The namespace may not be there yet, and a cluster may be slow: nothing of that is this work's failure.
      const findings = await findingsOf(session, release).catch(() => []);
      say(findings.filter(({ state }) => state !== 'stopped'));
    }
    return await finished;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    const findings = await findingsOf(session, release).catch(() => []);
    const failed = findings.filter(({ state, object }) => state === 'failed' || (state === 'waiting' && object.startsWith('Job')));
    if (failed.length === 0) throw error;
    throw notReady(release, failed, 'could not be installed, and nothing of it was changed', error);
  } finally {
    stop.forget();
  }
}

/** Says findings that are not well when they have changed; each reason once while it lasts. */
function teller(session: Session, release: Release): (findings: readonly Finding[]) => void {
  const say = proseOf(session.context);
  let told = new Map<string, string>();
  return (findings) => {
    const now = new Map<string, string>();
    for (const finding of findings) {
      const text = finding.state === 'ready' ? 'ready' : `${finding.figure}${finding.reason ? `: ${finding.reason}` : ''}`;
      now.set(finding.object, text);
      if (finding.state === 'ready' && !told.has(finding.object)) continue; // it always was
      if (told.get(finding.object) !== text) say(`  ${release.name}: ${finding.component}: ${text}`);
    }
    told = now;
  };
}

export function notReady(release: Release, findings: readonly Finding[], what: string, cause?: unknown): CommandError {
  const lines = findings.map(({ object, figure, reason }) => `${object}: ${reason ?? figure}`);
  return new CommandError('unavailable', `${release.name} in ${release.namespace} ${what}:\n${lines.join('\n')}`, {
    fix: findings.find(({ fix }) => fix !== undefined)?.fix ?? '"waybill k8s status" shows all of it',
    cause,
  });
}

const nothingThere = (session: Session, { name, namespace }: Release): CommandError =>
  new CommandError('not_found', `nothing of ${name} is in the namespace ${namespace}`, {
    fix: `install it with "waybill k8s quickstart -e ${session.environment} -l ${name}"`,
  });

function stopOf({ context }: Session) {
  const controller = new AbortController();
  const forget = context.io.onStop(() => controller.abort(new Interrupted()));
  return { signal: controller.signal, abort: () => controller.abort(), forget };
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(pauseMs, undefined, { signal }).catch(() => {
    throw new Interrupted();
  });
}
