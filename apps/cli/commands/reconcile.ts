import { unwrap } from '@waybill/client';
import { linesOf } from '@waybill/kernel/secret';
import type { Command } from 'commander';
import { createApi } from '../api.ts';
import { loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print } from '../context.ts';
import { examples } from '../examples.ts';
import { secretValue } from '../k8s/cluster-secrets.ts';
import { openForward } from '../k8s/forward.ts';
import { openSession } from '../k8s/session.ts';
import { keyOf } from './orders.ts';

export function addReconcile(program: Command, act: Act): void {
  program
    .command('reconcile')
    .requiredOption('--since <time>', 'what changed since then is compared with the payment provider (RFC 3339)')
    .option('--k8s', 'in the cluster rather than on this machine')
    .option('-e, --env <environment>', 'prod or staging, with --k8s', 'prod')
    .description('compare the books of all services, Temporal and the payment provider; what differs becomes tasks')
    .addHelpText('after', examples('waybill reconcile --since 2026-11-21T12:00:00Z'))
    .action(
      act((context, options: { since: string; k8s?: boolean; env?: string }) =>
        reconcile(context, options.k8s ? options : { since: options.since }),
      ),
    );
}

const slowMs = 600_000;

export type ReconcileOptions = { since: string; restored?: string; k8s?: boolean; env?: string };

/** Looks, puts right what it can, and says what is left for a person. After a restore it also says what was restored. */
export async function reconcile(context: Context, options: ReconcileOptions): Promise<undefined> {
  if (context.dryRun) return print(context, { would: 'reconcile', since: options.since }, ['would compare the books of all services']);
  if (!options.k8s) {
    const configuration = loadConfiguration(context.root, context.io.env);
    return reconcileAt(context, options, { url: configuration.apiUrl, key: keyOf(context, configuration) });
  }
  const session = openSession(context, options);
  const forward = await openForward(session, { namespace: session.environment, target: 'service/gateway', port: 3000 });
  try {
    const key = (await secretValue(session, 'ADMIN_API_KEY')) ?? '';
    return await reconcileAt(context, options, { url: forward.url, key: linesOf(key)[0] ?? '' });
  } finally {
    forward.close();
  }
}

async function reconcileAt(
  context: Context,
  { since, restored, env }: ReconcileOptions,
  door: { url: string; key: string },
): Promise<undefined> {
  const api = createApi({ ...door, timeoutMs: slowMs });
  const result = unwrap(await api.client.POST('/v1/reconciliations', { body: { since } }));
  const { checked, differences } = result;
  const tasks = differences.filter(({ action }) => action === 'task').length;
  return print(
    context,
    { ...(restored !== undefined && { restored, instant: since }), ...(env !== undefined && { environment: env }), ...result },
    [
      ...(restored === undefined ? [] : [`restored ${restored}: everything as it was at ${since}`]),
      `compared ${checked.orders} open orders, ${checked.payments} payments, ${checked.reservations} holders of stock and ${checked.shipments} booked shipments`,
      ...differences.map(({ action, summary, taskId }) => `  ${action === 'task' ? `task ${taskId}` : action}: ${summary}`),
      differences.length === 0
        ? 'nothing differs'
        : tasks === 0
          ? `${differences.length} differences, all put right`
          : `${differences.length} differences, ${tasks} of them for a person: GET /v1/tasks?kind=reconciliation&status=open`,
    ],
  );
}
