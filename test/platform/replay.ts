import { join } from 'node:path';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { openKeyRing } from '@waybill/kernel/encryption';
import { Secret } from '@waybill/kernel/secret';
import { createDataConverter } from '@waybill/kernel/temporal-client';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import { testKey } from './platform.ts';

const repository = join(import.meta.dirname, '../..');

/** Runs histories of orders again under the code of today. Returns what went wrong, by workflow id. */
export async function replayOrders(histories: Iterable<{ workflowId: string; history: History }>): Promise<string[]> {
  const bundle = await workflowBundle({
    entry: join(repository, 'services/orders/workflows/index.ts'),
    cacheDir: join(repository, 'node_modules/.cache/waybill'),
  });
  const options = { workflowBundle: bundle, dataConverter: createDataConverter(openKeyRing({ keys: new Secret(testKey) })) };
  const failures: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    if (error) failures.push(`${workflowId}: ${error.message.slice(0, 400)}`);
  }
  return failures;
}
