import type { History } from '@waybill/kernel/replay';
import type { Temporal } from '@waybill/kernel/temporal-client';
import { fromTemporalError } from '@waybill/kernel/temporal-failure';
import { type Story, storyOf } from './story.ts';

export type Sampled = {
  workflowId: string;
  history: History;
  story: Story;
  open: boolean;
  /** The build the order stays on, if it does. */
  pinnedTo: string | null;
};

type Candidate = Pick<Sampled, 'workflowId' | 'open' | 'pinnedTo'> & { runId: string };

/** Beyond this many open orders the sample is drawn from the newest of them. */
const listLimit = 20_000;
/** Histories read for each that is replayed: among them are the stories to choose from. */
const readPerReplay = 3;
const readAtOnce = 8;

/**
 * A sample of real histories: open orders first, spread over their age, then chosen so that every kind of story is in it
 * before any kind is there twice. Room that is left is filled with orders that ended lately.
 */
export async function sampleHistories(temporal: Temporal, size: number): Promise<{ openOrders: number; sample: Sampled[] }> {
  const open = await list(temporal, 'ExecutionStatus = "Running"', listLimit);
  const chosen = oneOfEachKind(await read(temporal, spread(open, size * readPerReplay)), size);
  const room = size - chosen.length;
  const ended = room > 0 ? await list(temporal, 'ExecutionStatus = "Completed"', room) : [];
  return { openOrders: open.length, sample: [...chosen, ...(await read(temporal, ended))] };
}

async function list({ client }: Temporal, query: string, limit: number): Promise<Candidate[]> {
  const found: Candidate[] = [];
  try {
    for await (const info of client.workflow.list({ query: `WorkflowType = "order" and ${query}`, pageSize: Math.min(limit, 1_000) })) {
      const { TemporalWorkflowVersioningBehavior: behavior, TemporalWorkerDeploymentVersion: version } = info.searchAttributes;
      const pinned = behavior?.[0] === 'Pinned' && typeof version?.[0] === 'string';
      const open = info.status.name === 'RUNNING';
      found.push({ workflowId: info.workflowId, runId: info.runId, open, pinnedTo: pinned ? String(version[0]) : null });
      if (found.length === limit) break;
    }
  } catch (error) {
    throw fromTemporalError(error) ?? error;
  }
  return found;
}

/** At most so many of a list, evenly from its beginning to its end. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)] as T); // the index is inside
}

async function read({ client }: Temporal, candidates: readonly Candidate[]): Promise<Sampled[]> {
  const waiting = [...candidates];
  const sampled: Sampled[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { runId, ...candidate } = next;
      const history = await client.workflow
        .getHandle(candidate.workflowId, runId)
        .fetchHistory()
        .catch((error: unknown) => {
          throw fromTemporalError(error) ?? error;
        });
      sampled.push({ ...candidate, history, story: storyOf(history) });
    }
  };
  await Promise.all(Array.from({ length: readAtOnce }, work));
  return sampled;
}

/** Every kind of story once, then every kind twice, and so on. */
export function oneOfEachKind<T extends { story: Story }>(sampled: readonly T[], size: number): T[] {
  const kinds = Map.groupBy(sampled, ({ story }) => story.steps.join());
  const rounds = [...kinds.values()].flatMap((same) => same.map((item, round) => ({ item, round })));
  return rounds
    .sort((a, b) => a.round - b.round)
    .slice(0, size)
    .map(({ item }) => item);
}
