import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explain, explainPod, type Snapshot } from './explain.ts';
import type { KubeObject } from './objects.ts';

/** As kubectl printed them on a real cluster, with what nobody reads taken out. */
const recorded = JSON.parse(readFileSync(new URL('./recorded/not-ready.json', import.meta.url), 'utf8')) as Snapshot;

const findings = explain(recorded);
const of = (component: string) => findings.find((finding) => finding.component === component);

describe('what is not ready, and why', () => {
  test('a pod that finds no node comes with the scheduler’s reason', () => {
    expect(of('pending')).toMatchObject({
      state: 'waiting',
      figure: '0/1 ready',
      reason: expect.stringContaining('pending: 0/1 nodes are available: 1 Insufficient memory'),
      fix: expect.stringContaining('waybill cluster check'),
    });
  });

  test('an image that cannot be pulled is named', () => {
    expect(of('pull')).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('the image nowhere.example/nothing:1 cannot be pulled'),
    });
  });

  test('a crash loop comes with its exit code, and asks for the log', () => {
    expect(of('crash')).toMatchObject({
      state: 'waiting',
      reason: expect.stringMatching(/^a ended with exit code 3, \d+ times$/),
      ask: { kind: 'log', container: 'a', namespace: 'staging' },
    });
  });

  test('a container that runs and is not ready comes with what its probe said', () => {
    expect(of('unready')).toMatchObject({ state: 'waiting', reason: expect.stringContaining('it runs and is not ready: ') });
  });

  test('a secret that is missing is named, with the way to bring it', () => {
    expect(of('mount')).toMatchObject({
      reason: expect.stringContaining('secret "waybill-secrets" not found'),
      fix: expect.stringContaining('quickstart'),
    });
  });

  test('a Job that has failed asks for the log of its last pod', () => {
    expect(of('migrate')).toMatchObject({
      state: 'failed',
      object: 'Job staging/migrate-1',
      reason: 'the job has failed: Job has reached the specified backoff limit',
      ask: { kind: 'log', container: 'migrate', previous: false },
    });
  });

  test('what is well is well', () => {
    expect(of('fine')).toEqual({ component: 'fine', object: 'Deployment staging/fine', state: 'ready', figure: '1/1 ready' });
  });

  test('what was scaled to zero is stopped, not broken', () => {
    const objects = recorded.objects.map((object) => (object.metadata.name === 'crash' ? { ...object, spec: { replicas: 0 } } : object));
    expect(explain({ ...recorded, objects }).find(({ component }) => component === 'crash')).toMatchObject({ state: 'stopped' });
  });

  test('an earlier Job that failed does not count once a newer one is done', () => {
    const earlier = recorded.objects.find(({ kind }) => kind === 'Job') as KubeObject;
    const newer = {
      ...earlier,
      metadata: { ...earlier.metadata, name: 'migrate-2', creationTimestamp: '2099-01-01T00:00:00Z' },
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
    };
    const found = explain({ objects: [earlier, newer], events: [] });
    expect(found).toEqual([{ component: 'migrate', object: 'Job staging/migrate-2', state: 'ready', figure: 'done' }]);
  });
});

const pod = (status: object, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'api-1', namespace: 'prod' },
  spec,
  status,
});

describe('a pod', () => {
  test('that was killed for want of memory says so', () => {
    const status = {
      containerStatuses: [
        {
          name: 'api',
          ready: false,
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
        },
      ],
    };
    expect(explainPod(pod(status), [])).toMatchObject({ reason: 'api was killed for want of memory, 4 times', ask: { previous: true } });
  });

  test('whose readiness fails is asked at the port of its probe', () => {
    const status = { containerStatuses: [{ name: 'api', ready: false, started: true, restartCount: 0, state: { running: {} } }] };
    const spec = {
      containers: [{ name: 'api', ports: [{ name: 'internal', containerPort: 3001 }], readinessProbe: { httpGet: { port: 'internal' } } }],
    };
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { name: 'api-1' },
      reason: 'Unhealthy',
      message: 'Readiness probe failed: HTTP probe failed with statuscode: 503',
    };
    expect(explainPod(pod(status, spec), [event])).toMatchObject({ ask: { kind: 'readyz', pod: 'api-1', namespace: 'prod', port: 3001 } });
  });

  test('whose first container is at work asks for that one’s log', () => {
    const status = {
      initContainerStatuses: [{ name: 'wait-for-schema', ready: false, started: false, restartCount: 0, state: { running: {} } }],
    };
    expect(explainPod(pod(status), [])).toMatchObject({ reason: 'wait-for-schema is at work', ask: { container: 'wait-for-schema' } });
  });
});
