import { expect, test } from 'vitest';
import type { Platform } from '../platform/platform.ts';

/** Alone, since it stops the payments of every order. */
export function defineMaintenance(platform: () => Platform): void {
  const api = () => platform().api;

  test('in maintenance mode orders are taken and wait, and go on when it ends', async () => {
    const before = await api().get('/v1/fraud/settings');
    const set = (maintenance: boolean) => api().request('PUT', '/v1/fraud/settings', { ...before.body, maintenance });
    expect((await set(true)).body).toMatchObject({ maintenance: true });
    const placed = await api().place();
    await api().until(placed.id, ({ status }) => status === 'processing');
    // What it must not do cannot be awaited; that it can still be cancelled shows that it waits.
    const other = await api().place();
    await api().post(`/v1/orders/${other.id}/cancel`, { reason: 'no patience' });
    expect(await api().payments(placed.id)).toEqual([]);
    await set(false);
    await api().deliver(await api().untilBooked(placed.id));
    await api().untilStatus(placed.id, 'completed');
    await api().untilStatus(other.id, 'cancelled');
  });
}
