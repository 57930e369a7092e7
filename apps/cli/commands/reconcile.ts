import { unwrap } from '@waybill/client';
import type { Command } from 'commander';
import { createApi } from '../api.ts';
import { loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print } from '../context.ts';
import { examples } from '../examples.ts';
import { keyOf } from './orders.ts';

export function addReconcile(program: Command, act: Act): void {
  program
    .command('reconcile')
    .requiredOption('--since <time>', 'what changed since then is compared with the payment provider (RFC 3339)')
    .description('compare the books of all services, Temporal and the payment provider; what differs becomes tasks')
    .addHelpText('after', examples('waybill reconcile --since 2026-11-21T12:00:00Z'))
    .action(act((context, options: { since: string }) => reconcile(context, options)));
}

const slowMs = 600_000;

/** Looks, puts right what it can, and says what is left for a person. After a restore it also says what was restored. */
export async function reconcile(context: Context, options: { since: string; restored?: string }): Promise<undefined> {
  const { since, restored } = options;
  const configuration = loadConfiguration(context.root, context.io.env);
  const api = createApi({ url: configuration.apiUrl, key: keyOf(context, configuration), timeoutMs: slowMs });
  if (context.dryRun) return print(context, { would: 'reconcile', since }, [`would compare the books of ${configuration.apiUrl}`]);
  const result = unwrap(await api.client.POST('/v1/reconciliations', { body: { since } }));
  const { checked, differences } = result;
  const tasks = differences.filter(({ action }) => action === 'task').length;
  print(context, { ...(restored !== undefined && { restored, instant: since }), ...result }, [
    ...(restored === undefined ? [] : [`restored ${restored}: everything as it was at ${since}`]),
    `compared ${checked.orders} open orders, ${checked.payments} payments, ${checked.reservations} holders of stock and ${checked.shipments} booked shipments`,
    ...differences.map(({ action, summary, taskId }) => `  ${action === 'task' ? `task ${taskId}` : action}: ${summary}`),
    differences.length === 0
      ? 'nothing differs'
      : tasks === 0
        ? `${differences.length} differences, all put right`
        : `${differences.length} differences, ${tasks} of them for a person: GET /v1/tasks?kind=reconciliation&status=open`,
  ]);
}
