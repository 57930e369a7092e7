import { untilBalanced } from '../test/platform/ledger.ts';
import type { Platform } from '../test/platform/platform.ts';

export type OutageRun = { orders: number; downSeconds: number; notReady: boolean; seconds: number; findings: string[] };

/** Stops PostgreSQL while orders are in every stage, waits, starts it again, and lets everything go on alone. */
export async function outageRun(platform: Platform, options: { orders: number; downSeconds: number }): Promise<OutageRun> {
  const began = Date.now();
  const { api } = platform;
  const [server = 'all'] = platform.processes;
  const early = await Promise.all(Array.from({ length: options.orders / 2 }, () => api.place()));
  await Promise.all(early.map(({ id }) => api.untilBooked(id)));
  const late = await Promise.all(Array.from({ length: options.orders / 2 }, () => api.place()));
  await platform.stopPostgres();
  await new Promise((resolve) => setTimeout(resolve, options.downSeconds * 1_000));
  const notReady = (await platform.readyz(server)).status === 503;
  await platform.startPostgres();
  await platform.untilReady();
  const ids = [...early, ...late].map(({ id }) => id);
  const findings: string[] = [];
  await Promise.all(
    ids.map(async (id) => {
      try {
        await api.until(id, ({ fulfillments }) => fulfillments.some(({ shipmentId }) => shipmentId), 120_000);
        await api.deliver(await api.untilBooked(id));
        await api.untilStatus(id, 'completed', 120_000);
      } catch (error) {
        findings.push(error instanceof Error ? error.message : String(error));
      }
    }),
  );
  if (!notReady) findings.push('the server called itself ready without a database');
  findings.push(...(await untilBalanced(platform, ids)));
  return { orders: ids.length, downSeconds: options.downSeconds, notReady, seconds: Math.round((Date.now() - began) / 1_000), findings };
}
