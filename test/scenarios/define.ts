import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPlatform, type Platform, type PlatformOptions } from '../platform/platform.ts';
import { replayOrders } from '../platform/replay.ts';
import { defineInterface } from './interface.ts';
import { defineJourneys } from './journeys.ts';
import { defineMaintenance } from './maintenance.ts';

/** The same scenarios, whatever the processes: what works in one process must work in twelve. */
export function defineScenarios(options: PlatformOptions): void {
  let platform: Platform;
  beforeAll(async () => {
    platform = await openPlatform(options);
    const { status, body } = await platform.api.request('PUT', '/v1/fraud/settings', {
      limitPerCustomer: { amount: 40_000_000, currency: 'EUR' },
      reviewAbove: { amount: 30_000_000, currency: 'EUR' },
      maintenance: false,
    });
    if (status !== 200) throw new Error(`fraud settings were answered ${status}: ${JSON.stringify(body)}`);
  }, 180_000);
  afterAll(() => platform?.[Symbol.asyncDispose](), 60_000);

  describe.concurrent('journeys', () => defineJourneys(() => platform));
  describe.concurrent('interface', () => defineInterface(() => platform));
  describe('maintenance', () => defineMaintenance(() => platform));
  describe('afterwards', () => {
    test('every order of these scenarios replays from its history', async () => {
      const histories = [];
      for (let cursor = ''; ; ) {
        const page = await platform.api.get<{ items: { id: string }[]; nextCursor?: string }>(`/v1/orders?limit=200${cursor}`);
        for (const { id } of page.body.items) histories.push({ workflowId: `order/${id}`, history: await platform.history(id) });
        if (!page.body.nextCursor) break;
        cursor = `&cursor=${page.body.nextCursor}`;
      }
      expect(histories.length).toBeGreaterThan(20);
      expect(await replayOrders(histories)).toEqual([]);
    }, 120_000);
  });
}
