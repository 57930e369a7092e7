import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KeyRing, openKeyRing } from '@waybill/kernel/encryption';
import { WaybillError } from '@waybill/kernel/errors';
import { silentLogger } from '@waybill/kernel/log';
import { historyFromJSON, replayHistories } from '@waybill/kernel/replay';
import type { Temporal } from '@waybill/kernel/temporal-client';
import { installRuntime } from '@waybill/kernel/temporal-worker';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import { type Sampled, sampleHistories } from './sample.ts';
import { storyOf } from './story.ts';

export type Broken = {
  /** Of an order, or the name of a recorded history. */
  orderId: string;
  open: boolean;
  doing: string;
  /** The build it stays on, so that it will not meet this code. */
  pinnedTo: string | null;
  message: string;
};

export type UpgradeReport = {
  openOrders: number;
  replayed: { open: number; ended: number; recorded: number };
  /** How many of each were replayed. */
  doing: Record<string, number>;
  /** Orders that this build cannot go on with. */
  broken: Broken[];
};

const entry = fileURLToPath(import.meta.resolve('@waybill/orders/workflows'));

/** Replays real orders, and recorded ones, with the workflow code of this build. Changes nothing. */
export async function checkUpgrade(
  temporal: Temporal,
  options: { ring: KeyRing; size: number; cacheDir: string; recorded?: string | undefined },
): Promise<UpgradeReport> {
  installRuntime({ log: silentLogger }); // what a history meets is told here, not in the SDK's lines
  const bundle = await workflowBundle({ entry, cacheDir: options.cacheDir });
  const { openOrders, sample } = await sampleHistories(temporal, options.size);
  const recorded = options.recorded === undefined ? [] : await readRecorded(options.recorded);
  const broken = [
    ...(await replay(bundle, options.ring, sample)),
    ...(options.recorded === undefined || recorded.length === 0 ? [] : await replay(bundle, recordedRing(options.recorded), recorded)),
  ];
  const open = sample.filter((sampled) => sampled.open);
  const kinds = Map.groupBy(open, ({ story }) => story.doing);
  return {
    openOrders,
    replayed: { open: open.length, ended: sample.length - open.length, recorded: recorded.length },
    doing: Object.fromEntries([...kinds].map(([doing, same]) => [doing, same.length])),
    broken,
  };
}

async function replay(bundle: { codePath: string }, ring: KeyRing, sample: readonly Sampled[]): Promise<Broken[]> {
  const byId = new Map(sample.map((sampled) => [sampled.workflowId, sampled]));
  const failures = await replayHistories({ workflowBundle: bundle, ring, histories: sample });
  return failures.flatMap(({ workflowId, message }) => {
    const sampled = byId.get(workflowId);
    if (!sampled) return [];
    const { open, pinnedTo, story } = sampled;
    return [{ orderId: workflowId.replace(/^order\//, ''), open, pinnedTo, doing: story.doing, message }];
  });
}

/** Recorded histories are sealed with a key that is no secret, which lies beside them. */
const recordedRing = (folder: string): KeyRing => openKeyRing({ file: join(folder, 'keys') });

async function readRecorded(folder: string): Promise<Sampled[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new WaybillError('not_found', `${folder} cannot be read: name the folder of recorded histories`, { cause });
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (name): Promise<Sampled> => {
      const history = historyFromJSON(JSON.parse(await readFile(join(folder, name), 'utf8')));
      return { workflowId: name, history, story: storyOf(history), open: false, pinnedTo: null };
    }),
  );
}

/** Those that would really meet this code: an order pinned to its build goes on there. */
export const breaking = ({ broken }: UpgradeReport): Broken[] => broken.filter(({ pinnedTo }) => pinnedTo === null);

export function linesOf(report: UpgradeReport): string[] {
  const { replayed, openOrders, doing, broken } = report;
  const total = replayed.open + replayed.ended + replayed.recorded;
  const lines = [
    `replayed ${replayed.open} of ${openOrders} open orders, ${replayed.ended} that have ended, ${replayed.recorded} recorded`,
  ];
  for (const [what, count] of Object.entries(doing)) lines.push(`  ${count} ${what}`);
  for (const { orderId, open, doing: what, pinnedTo, message } of broken) {
    lines.push(`${pinnedTo === null ? 'BREAKS' : 'stays behind'}  ${orderId}, which ${open ? '' : 'has ended; it '}${what}: ${message}`);
    if (pinnedTo !== null) lines.push(`  it goes on with ${pinnedTo}, as long as that has workers`);
  }
  if (total === 0) lines.push('there was nothing to replay, so this proves nothing');
  else if (breaking(report).length === 0) lines.push('this build can go on with all of them that will meet it');
  else lines.push(`${breaking(report).length} of ${total} would stop under this build: do not let it take over`);
  return lines;
}
