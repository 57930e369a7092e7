import type { UpgradeReport } from '@waybill/server/operations/check-upgrade';
import { expect, test } from 'vitest';
import { refusal } from './in-cluster.ts';

const reportOf = (...broken: { orderId: string; pinnedTo?: string }[]): UpgradeReport => ({
  openOrders: 9,
  replayed: { open: 9, ended: 0, recorded: 0 },
  doing: {},
  broken: broken.map(({ orderId, pinnedTo = null }) => ({ orderId, open: true, doing: 'rested', pinnedTo, message: 'nondeterminism' })),
});

test('an upgrade that every order can follow is not refused', () => {
  expect(refusal(reportOf(), 'prod', '…')).toBeUndefined();
});

test('orders that would stop are named with the ways out, also those pinned until their next step', () => {
  const refused = refusal(
    reportOf({ orderId: 'ord_1' }, { orderId: 'ord_2', pinnedTo: 'waybill-orders:1' }),
    'prod',
    '"…" stays with what runs',
  );
  expect(refused?.code).toBe('conflict');
  expect(refused?.message).toBe('2 orders of prod would stop under this build, and it was not installed: ord_1, ord_2');
  expect(refused?.fix).toContain('stays with what runs');
  expect(refused?.fix).toContain('--force-upgrade');
});

test('of many only the first are named', () => {
  const many = Array.from({ length: 7 }, (_, index) => ({ orderId: `ord_${index}` }));
  expect(refusal(reportOf(...many), 'prod', '')?.message).toMatch(/: ord_0, ord_1, ord_2, ord_3, ord_4 and others$/);
});
