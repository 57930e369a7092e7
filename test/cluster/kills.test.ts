import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilBalanced } from '../platform/ledger.ts';
import { openBooks } from './books.ts';
import { apply, componentOf, door, environment, install, kubectl, leave, runningPods, succeeds } from './installation.ts';
import { placeSteadily, unfinished } from './steady-orders.ts';

beforeAll(install);
afterAll(leave);

test('every pod is killed in its turn while 200 orders come in: each ends, is paid once, and holds no stock', async () => {
  {
    using books = await openBooks();
    expect(await untilBalanced(books, []), 'before anything was killed').toEqual([]);
  }
  const began = new Date().toISOString();
  using customers = await placeSteadily({ ...(await door()), pauseMs: 300, carriesAtOnce: true });
  await customers.accepted(10);
  const victims = await runningPods('infra', environment);
  const components = victims.map(componentOf);
  expect(components).toEqual(expect.arrayContaining(['postgresql', 'temporal', 'valkey', 'codec-server']));
  for (const { metadata } of victims) {
    await kubectl('delete', 'pod', metadata.name, '--namespace', metadata.namespace ?? '', '--grace-period=0', '--force');
    await customers.accepted(customers.orders.length + 5); // orders are taken again
    await succeeds('k8s', 'wait', '-e', environment, '--timeout', '300');
  }
  await customers.accepted(200);
  const ended = await customers.finish();
  console.log(`${victims.length} pods killed, ${ended.length} orders, ${customers.troubles.length} calls failed on the way`);
  expect(unfinished(ended)).toEqual([]);
  using books = await openBooks();
  expect(
    await untilBalanced(
      books,
      ended.map(({ id }) => id),
    ),
  ).toEqual([]);
  const { differences } = JSON.parse(await succeeds('--json', 'reconcile', '--k8s', '-e', environment, '--since', began));
  expect(differences).toEqual([]);
});

test('a second PostgreSQL on the same volume waits until the first has ended', async () => {
  const [pod] = (await runningPods('infra')).filter((one) => componentOf(one) === 'postgresql');
  if (!pod) throw new Error('no PostgreSQL runs');
  const { nodeName, containers, volumes, securityContext, enableServiceLinks } = pod.spec;
  const container = {
    ...containers[0],
    startupProbe: undefined,
    readinessProbe: undefined,
    livenessProbe: undefined,
    lifecycle: undefined,
  };
  const spec = { nodeName, containers: [container], volumes, securityContext, enableServiceLinks, automountServiceAccountToken: false };
  const second = ['pod/postgresql-second', '--namespace', 'infra'];
  const log = () => kubectl('logs', ...second);
  try {
    await apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'postgresql-second', namespace: 'infra' }, spec }]);
    await expect.poll(log, { timeout: 60_000 }).toContain('waiting for its end');
    await succeeds('k8s', 'verify', '-e', environment);
    expect(await log()).not.toContain('starting PostgreSQL');
  } finally {
    await kubectl('delete', ...second, '--ignore-not-found', '--grace-period=0', '--force');
  }
});
