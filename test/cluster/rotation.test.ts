import { afterAll, beforeAll, expect, test } from 'vitest';
import { door, environment, install, leave, runningPods, succeeds } from './installation.ts';
import { placeSteadily, unfinished } from './steady-orders.ts';

beforeAll(install);
afterAll(leave);

test.each(['ENCRYPTION_KEYS', 'ORDERS_DATABASE_PASSWORD', 'SERVICE_TOKEN_KEYS'])(
  '%s is exchanged while orders are placed and carried out, and no answer is an error',
  async (name) => {
    const starts = async () =>
      (await runningPods(environment)).map(({ metadata, status }) => [metadata.name, status.containerStatuses[0].restartCount]).sort();
    const before = await starts();
    using customers = await placeSteadily({ ...(await door()), pauseMs: 400, carriesAtOnce: true });
    await customers.accepted(5);
    await succeeds('secrets', 'rotate', name, '-e', environment);
    await customers.accepted(customers.orders.length + 20);
    const ended = await customers.finish();
    console.log(`${name}: ${ended.length} orders`);
    expect(customers.troubles).toEqual([]);
    expect(unfinished(ended)).toEqual([]);
    expect(await starts(), 'no pod was exchanged or started anew').toEqual(before);
  },
);
