import { WaybillError } from '@waybill/kernel/errors';
import type { Temporal } from '@waybill/kernel/temporal-client';
import { expect, test } from 'vitest';
import { asksForWork, promoteIn } from './builds.ts';

type Answer = () => { current?: string; builds: string[] };

/** A Temporal that gives one answer after the other about its deployments, the last one for ever. */
function temporalThat(answers: Answer[]) {
  const made: string[] = [];
  let asked = 0;
  const workflowService = {
    async describeWorkerDeployment() {
      const { current, builds } = (answers[asked++] ?? answers.at(-1))?.() ?? { builds: [] };
      return {
        workerDeploymentInfo: {
          versionSummaries: builds.map((buildId) => ({ deploymentVersion: { buildId } })),
          routingConfig: { currentDeploymentVersion: { buildId: current } },
        },
        conflictToken: new Uint8Array(),
      };
    },
    async setWorkerDeploymentCurrentVersion({ deploymentName, buildId }: { deploymentName: string; buildId: string }) {
      made.push(`${deploymentName} ${buildId}`);
    },
  };
  const connection = { workflowService, withDeadline: <T>(_: number, work: () => Promise<T>) => work() };
  return { made, temporal: { client: { options: { namespace: 'default' } }, connection } as unknown as Temporal }; // what promoteIn uses of it
}

const silent = (): never => {
  throw new WaybillError('unavailable', 'Temporal did not answer in time');
};
/** What Temporal says while its own workers have not started. */
const ownWorkersAway = (): never => {
  const details = 'no poller seen for task queue recently, worker may be down';
  throw Object.assign(new Error(`9 FAILED_PRECONDITION: ${details}`), { code: 9, details, metadata: {} });
};
const options = { prefix: 'waybill', buildId: '2', services: ['orders'], timeoutMs: 10_000 };

test('a Temporal that has just started, and workers that it does not know yet, are waited for', async () => {
  const { temporal, made } = temporalThat([
    silent,
    ownWorkersAway,
    () => ({ builds: [] }),
    () => ({ current: '1', builds: ['1'] }),
    () => ({ current: '1', builds: ['2', '1'] }),
  ]);
  expect(await promoteIn(temporal, options)).toEqual(['orders']);
  expect(made).toEqual(['waybill-orders 2']);
});

test('a build that is current is left alone', async () => {
  const { temporal, made } = temporalThat([() => ({ current: '2', builds: ['2'] })]);
  expect(await promoteIn(temporal, options)).toEqual([]);
  expect(made).toEqual([]);
});

test('the wait ends, and says what it was for', async () => {
  const { temporal } = temporalThat([() => ({ builds: [] })]);
  await expect(promoteIn(temporal, { ...options, timeoutMs: 0 })).rejects.toThrow('no worker of orders has said that it is build 2');
  const { temporal: down } = temporalThat([silent]);
  await expect(promoteIn(down, { ...options, timeoutMs: 0 })).rejects.toThrow('did not answer in time');
});

test('only services with a task queue have builds that Temporal knows', () => {
  expect(['billing', 'catalog', 'inventory', 'orders', 'shipping', 'nobody'].filter(asksForWork)).toEqual([
    'billing',
    'inventory',
    'orders',
    'shipping',
  ]);
});
