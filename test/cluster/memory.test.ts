import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mebibytes } from '../../apps/cli/cluster/fit.ts';
import type { KubeObject } from '../../apps/cli/k8s/objects.ts';
import { components } from '../../deploy/budgets.ts';
import { componentOf, door, environment, install, kubectl, leave, objects, runningPods, succeeds, topology } from './installation.ts';
import { openShop, placeOne, seeThrough } from './steady-orders.ts';

const orders = 2_000;
const atOnce = 24;

beforeAll(install);
afterAll(leave);

test(`${orders} orders go through, and no pod comes to the end of its memory`, async () => {
  const pods = await runningPods('infra', environment);
  for (const pod of pods.filter(({ metadata }) => metadata.namespace === environment))
    expect(mebibytes(pod.spec.containers[0].resources.limits.memory), componentOf(pod)).toBe(
      components[topology][componentOf(pod)]?.memoryMi,
    );
  const before = restartsOf(pods);
  const began = new Date().toISOString();
  using shop = await openShop(await door());
  const watching = watchMemory(pods);
  try {
    const started = Date.now();
    let next = 0;
    const ends: Record<string, number> = {};
    const customer = async () => {
      while (next < orders) {
        const { status } = await seeThrough(shop, await placeOne(shop, next++), AbortSignal.timeout(600_000));
        ends[status] = (ends[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, customer));
    const seconds = (Date.now() - started) / 1_000;
    console.log(`${orders} orders, ${atOnce} at a time: ${(orders / seconds).toFixed(1)} a second, ${shop.troubles.length} calls failed`);
    expect(ends).toEqual({ completed: orders });
  } finally {
    const peaks = await watching.stop();
    for (const pod of pods) {
      const limit = Math.round(mebibytes(pod.spec.containers[0].resources.limits.memory));
      console.log(
        `${componentOf(pod).padEnd(16)} ${String(Math.round(peaks.get(pod.metadata.name) ?? 0)).padStart(4)} of ${limit} Mi at most`,
      );
    }
    expect([...peaks.keys()]).toEqual(expect.arrayContaining(pods.map(({ metadata }) => metadata.name)));
  }
  expect(restartsOf(await runningPods('infra', environment))).toEqual(before);
  // A server that loses one of its processes goes on, and only its log tells.
  expect(await kubectl('logs', '--namespace', 'infra', 'statefulset/postgresql', '--since-time', began)).not.toContain('signal 9');
});

test('a process that gets no processor time is started anew by its liveness probe', async () => {
  const starved = topology === 'compact' ? ['api', 'worker'] : ['orders-api', 'orders-worker'];
  for (const component of starved) {
    const pod = (await runningPods(environment)).find((one) => componentOf(one) === component);
    if (!pod) throw new Error(`no pod of ${component} runs`);
    const { name } = pod.metadata;
    const restarts = pod.status.containerStatuses[0].restartCount;
    const stopped = Date.now();
    await stopProcess(pod);
    const now = async () => {
      const [again] = (await runningPods(environment)).filter(({ metadata }) => metadata.name === name);
      return again?.status.containerStatuses[0];
    };
    await expect.poll(async () => (await now())?.restartCount, { timeout: 240_000, interval: 1_000 }).toBe(restarts + 1);
    console.log(`${component} runs again ${Math.round((Date.now() - stopped) / 1_000)} s after it was stopped`);
    const events = await objects('events', '--namespace', environment, '--field-selector', `involvedObject.name=${name},reason=Killing`);
    expect(events.map(({ message }) => String(message)).join('\n')).toContain('failed liveness probe');
    await succeeds('k8s', 'wait', '-e', environment, '--timeout', '180');
  }
  await succeeds('k8s', 'verify', '-e', environment);
});

/** By pod, how often its container was started again. */
const restartsOf = (pods: readonly KubeObject[]): [string, number][] =>
  pods.map(({ metadata, status }): [string, number] => [metadata.name, status.containerStatuses[0].restartCount]).sort();

type Summary = { pods: { podRef: { name: string }; memory?: { workingSetBytes?: number } }[] };

/** The largest working set of each pod, as the nodes measure it, in Mi. */
function watchMemory(pods: readonly KubeObject[]) {
  const peaks = new Map<string, number>();
  const nodes = [...new Set(pods.map(({ spec }) => String(spec.nodeName)))];
  const end = new AbortController();
  const look = async () => {
    for (const node of nodes) {
      const summary: Summary = JSON.parse(await kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`));
      for (const { podRef, memory } of summary.pods) {
        const used = (memory?.workingSetBytes ?? 0) / 2 ** 20;
        if (used > (peaks.get(podRef.name) ?? 0)) peaks.set(podRef.name, used);
      }
    }
  };
  const watching = (async () => {
    while (!end.signal.aborted) {
      await look();
      await delay(3_000, undefined, { signal: end.signal }).catch(() => {});
    }
  })();
  watching.catch(() => {}); // told by stop
  return {
    async stop() {
      end.abort();
      await watching;
      await look();
      return peaks;
    },
  };
}

const stopper = `
const { readdirSync, readFileSync } = require('node:fs');
const [id] = process.argv.slice(1);
const own = readdirSync('/proc').filter((pid) => {
  try {
    return /^[0-9]+$/.test(pid) && readFileSync('/proc/' + pid + '/cgroup', 'utf8').includes(id);
  } catch {
    return false; // it has ended
  }
});
if (own.length === 0) throw new Error('nothing runs in container ' + id);
for (const pid of own) process.kill(Number(pid), 'SIGSTOP');
`;

/** Stops what runs in a pod, from its node: it is there, and does nothing. */
async function stopProcess({ spec, status }: KubeObject): Promise<void> {
  const id = String(status.containerStatuses[0].containerID).replace(/^.*:\/\//, '');
  const { image } = spec.containers[0];
  const overrides = {
    spec: {
      nodeName: spec.nodeName,
      hostPID: true,
      containers: [
        {
          name: 'stopper',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/usr/local/bin/node', '-e', stopper, '--', id],
          securityContext: { runAsUser: 0, privileged: true },
        },
      ],
    },
  };
  const pod = ['pod/stopper', '--namespace', 'default'];
  await kubectl('delete', ...pod, '--ignore-not-found', '--wait');
  try {
    await kubectl(
      'run',
      'stopper',
      '--namespace',
      'default',
      '--image',
      image,
      '--restart=Never',
      '--overrides',
      JSON.stringify(overrides),
    );
    await kubectl('wait', ...pod, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
  } finally {
    await kubectl('delete', ...pod, '--ignore-not-found', '--wait=false');
  }
}
