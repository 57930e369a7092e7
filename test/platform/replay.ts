import { join } from 'node:path';
import { openKeyRing } from '@waybill/kernel/encryption';
import { type History, replayHistories } from '@waybill/kernel/replay';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';

const repository = join(import.meta.dirname, '../..');
/** The key of recorded histories, which is no secret. */
const ring = () => openKeyRing({ file: join(repository, 'test/histories/keys') });

/** Runs histories of orders again under the code of today. Returns what went wrong, by workflow id. */
export async function replayOrders(histories: Iterable<{ workflowId: string; history: History }>): Promise<string[]> {
  const bundle = await workflowBundle({
    entry: join(repository, 'services/orders/workflows/index.ts'),
    cacheDir: join(repository, 'node_modules/.cache/waybill'),
  });
  const failures = await replayHistories({ workflowBundle: bundle, ring: ring(), histories });
  return failures.map(({ workflowId, message }) => `${workflowId}: ${message}`);
}
