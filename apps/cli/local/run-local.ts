import { setTimeout as delay } from 'node:timers/promises';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Context, proseOf } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import type { StopReason } from '../io.ts';
import { createRoot } from '../root.ts';
import { generateSecrets } from '../secrets.ts';
import { runSteps } from '../steps.ts';
import { installationSteps } from './installation.ts';
import { stopOrphans } from './orphans.ts';
import { checkBeforeStart } from './preflight.ts';
import { type RunLock, type RunState, takeRunLock } from './run-file.ts';
import { createSupervisor } from './supervisor.ts';

// npm and the terminal both pass one Ctrl-C on, so what comes within this time is the same key press.
const samePressMs = 1_000;

export type LocalRun = {
  /** Adds the demo catalogue. */
  seed?: boolean;
  /** Runs once everything is up, before the long wait. */
  ready(configuration: Configuration, signal: AbortSignal): Promise<void>;
  /** True when the end of the process that started this one is a reason to stop. */
  bound(): boolean;
};

/** Starts everything, keeps it running, and stops it in order when asked to. Resolves with the exit code. */
export async function runLocal(context: Context, run: LocalRun): Promise<number> {
  const { root, io } = context;
  createRoot(root);
  let configuration = loadConfiguration(root, io.env); // wrong settings are told before anything else
  const lock = await takeLock(context, configuration);
  const stop = new AbortController();
  const say = proseOf(context);
  const supervisor = createSupervisor({ lock, say });
  const forced = Promise.withResolvers<void>();
  let first = 0;
  const forget = io.onStop((why: StopReason) => {
    if (why === 'launcher gone' && !run.bound()) return;
    if (!stop.signal.aborted) {
      first = Date.now();
      say('stopping (Ctrl-C again ends everything at once)');
      stop.abort(new Interrupted());
    } else if (why !== 'launcher gone' && Date.now() - first > samePressMs) {
      supervisor.kill();
      forced.resolve();
    }
  });
  const failed = new AbortController();
  let started = false;
  let killed = false;
  try {
    const made = generateSecrets(root);
    if (made.length > 0) say(`secrets generated into ${root.secrets}`);
    configuration = loadConfiguration(root, io.env);
    await stopOrphans(root, lock, configuration.cli.LOCAL_STOP_TIMEOUT, say);
    lock.update({ children: {} });
    await checkBeforeStart(root, configuration);
    const signal = AbortSignal.any([stop.signal, failed.signal]);
    await runSteps(
      installationSteps({ context, configuration, supervisor, signal, seed: run.seed ?? false }),
      context.json ? { ...io, out: say, tty: false } : io,
    );
    started = true;
    lock.update({ state: 'running' });
    await run.ready(configuration, stop.signal);
    await new Promise<void>((resolve) => {
      if (stop.signal.aborted) resolve();
      else stop.signal.addEventListener('abort', () => resolve());
    });
  } catch (error) {
    failed.abort(); // ends what is still being started beside the step that failed
    // Stopped while starting is an interruption; stopped while running, also in mid-journey, is how it is meant to end.
    if (!stop.signal.aborted) throw error;
    if (!started) throw new Interrupted();
  } finally {
    killed = await Promise.race([supervisor.stop().then(() => false), forced.promise.then(() => true)]);
    lock.release();
    forget();
    if (killed) say('everything was ended at once; the next start recovers what was in progress');
  }
  return killed ? 130 : 0;
}

/** One supervisor a root folder. One that is just stopping is waited for. */
async function takeLock(context: Context, configuration: Configuration): Promise<RunLock> {
  const deadline = Date.now() + 3 * configuration.cli.LOCAL_STOP_TIMEOUT;
  let told = false;
  for (;;) {
    const result = takeRunLock(context.root, configuration.apiUrl);
    if ('lock' in result) return result.lock;
    if (result.heldBy.state !== 'stopping' || Date.now() > deadline) throw alreadyRuns(context, result.heldBy);
    if (!told) proseOf(context)(`waiting for pid ${result.heldBy.supervisor.pid}, which is stopping`);
    told = true;
    await delay(100);
  }
}

function alreadyRuns(context: Context, { supervisor, state, apiUrl }: RunState): CommandError {
  const what = state === 'running' ? 'runs' : `is ${state}`;
  return new CommandError('conflict', `waybill already ${what} in ${context.root.path} (pid ${supervisor.pid}) at ${apiUrl}`, {
    fix: `use that one, or stop it with "waybill ${context.root.flag}local stop"`,
  });
}
