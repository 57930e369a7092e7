import { setTimeout as delay } from 'node:timers/promises';
import { proseOf } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { introduce, promote, readProgress, retire, rotatingSecret, valuesIn, writeProgress } from '../secret-rotation.ts';
import { readSecrets, writeSecrets } from '../secrets.ts';
import { withTemporal } from '../temporal/access.ts';
import { applySecrets } from './cluster-secrets.ts';
import { runJob } from './job.ts';
import type { Session } from './session.ts';

/** Service tokens live a minute; after twice that none is left that the old key has signed. */
const tokensGoneMs = 120_000;

/** Rotates a secret in the cluster without a pause. Goes on where an interrupted one stopped. */
export async function rotateInCluster(session: Session, key: string, settleMs: number): Promise<'done' | 'promoted'> {
  const { context, environment } = session;
  const { root } = context;
  const say = proseOf(context);
  const kind = rotatingSecret(key);
  const change = (next: (text: string) => string) => writeSecrets(root, environment, { [key]: next(secretOf(session, key)) });
  let progress = readProgress(root, environment, key);
  if (progress === undefined || (progress.step === 'promoted' && kind.retire === 'later')) {
    change((text) => introduce(text, kind));
    progress = { step: 'introduced', at: new Date().toISOString() };
    writeProgress(root, environment, key, progress);
    say(`1. a new value of ${key} is accepted everywhere, and used nowhere yet`);
  }
  if (progress.step === 'introduced') {
    await spread(session, settleMs); // also when it goes on: the first try may have ended before this
    change((text) => promote(text, kind));
    progress = { step: 'promoted', at: new Date().toISOString() };
    writeProgress(root, environment, key, progress);
    say('2. it is the one that is used; the old one is still accepted');
  }
  await spread(session, settleMs);
  if (kind.migrates) await runJob(session, 'migrate');
  if (kind.retire === 'later') return 'promoted';
  const tokensLeft = Date.parse(progress.at) + settleMs + tokensGoneMs - Date.now();
  if (kind.retire === 'afterTokens' && tokensLeft > 0) await pause(session, tokensLeft, 'until no token of the old key is left');
  await retireInCluster(session, key, settleMs);
  return 'done';
}

/** Takes the old values out. Of the key ring only once nothing in Temporal was written with them. */
export async function retireInCluster(session: Session, key: string, settleMs: number): Promise<void> {
  const { context, environment } = session;
  const { root } = context;
  const kind = rotatingSecret(key);
  const progress = readProgress(root, environment, key);
  const text = secretOf(session, key);
  if (valuesIn(text, kind) < 2) {
    throw new CommandError('conflict', `${key} of ${environment} has one value, so there is no old one to take out`, {
      fix: `make a new one with "waybill secrets rotate ${key} -e ${environment}"`,
    });
  }
  if (progress?.step !== 'promoted') {
    throw new CommandError('conflict', `the rotation of ${key} has not come as far as using the new value`, {
      fix: `go on with "waybill secrets rotate ${key} -e ${environment}"`,
    });
  }
  if (key === 'ENCRYPTION_KEYS') await refuseWhileNeeded(session, progress.at);
  if (context.dryRun) return;
  writeSecrets(root, environment, { [key]: retire(text, kind) });
  await spread(session, settleMs);
  writeProgress(root, environment, key, undefined);
  proseOf(context)(`3. the old value of ${key} is no longer accepted`);
}

/** Every history that began before the change may hold something sealed by an old key; Temporal deletes them after their retention. */
async function refuseWhileNeeded(session: Session, since: string): Promise<void> {
  const left = await withTemporal(session, async ({ client }) => (await client.workflow.count(`StartTime < "${since}"`)).count);
  if (left === 0) return;
  throw new CommandError('conflict', `${left} workflows began before ${since} and are sealed with the old key`, {
    fix: 'keep it: repeat this when they have ended and their retention is over (three days, unless you chose another)',
  });
}

function secretOf({ context, environment }: Session, key: string): string {
  const value = readSecrets(context.root, environment)[key];
  if (value !== undefined) return value;
  throw new CommandError('not_found', `${environment} has no ${key}`, { fix: `run "waybill secrets generate -e ${environment}"` });
}

/** Puts the Secret into the cluster, and waits until every pod reads it. A changed annotation makes the kubelet look at once. */
async function spread(session: Session, settleMs: number): Promise<void> {
  const { environment, tools } = session;
  await applySecrets(session, [environment]);
  const stamp = `waybill.dev/secrets-changed=${Date.now()}`;
  await tools.change('kubectl', [
    'annotate',
    'pods',
    '--namespace',
    environment,
    '--selector',
    'app.kubernetes.io/part-of=waybill',
    '--overwrite',
    stamp,
  ]);
  await pause(session, settleMs, 'until every pod has read it');
}

async function pause({ context }: Session, ms: number, why: string): Promise<void> {
  proseOf(context)(`   waiting ${Math.ceil(ms / 1_000)} s ${why}`);
  const stop = new AbortController();
  const forget = context.io.onStop(() => stop.abort());
  try {
    await delay(ms, undefined, { signal: stop.signal });
  } catch {
    throw new Interrupted();
  } finally {
    forget();
  }
}
