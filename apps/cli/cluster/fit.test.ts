import { expect, test } from 'vitest';
import type { KubeObject } from '../k8s/objects.ts';
import { fitOn, mebibytes, millicores, podsOf, requestOf, roomOn } from './fit.ts';

test('quantities of Kubernetes are read in all their forms', () => {
  expect([mebibytes('96Mi'), mebibytes('1.5Gi'), mebibytes('906412Ki'), mebibytes('134217728'), mebibytes(undefined)]).toEqual([
    96,
    1536,
    906412 / 1024,
    128,
    0,
  ]);
  expect([millicores('100m'), millicores('2'), millicores(0.5), millicores(undefined)]).toEqual([100, 2_000, 500, 0]);
});

test('a pod asks for its containers together, or for its largest init container', () => {
  const container = (memory: string) => ({ resources: { requests: { memory, cpu: '10m' } } });
  expect(requestOf('a', { containers: [container('64Mi'), container('32Mi')], initContainers: [container('80Mi')] })).toEqual({
    name: 'a',
    memory: 96,
    cpu: 20,
  });
  expect(requestOf('a', { containers: [container('64Mi')], initContainers: [container('80Mi')] }).memory).toBe(80);
});

const deployment = (name: string, replicas: number, memory: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'prod' },
  spec: { replicas, template: { spec: { containers: [{ resources: { requests: { memory } } }] } } },
});

test('an autoscaled Deployment counts with its least replicas', () => {
  const hpa = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'api', namespace: 'prod' },
    spec: { minReplicas: 3, scaleTargetRef: { name: 'api' } },
  };
  expect(podsOf([deployment('api', 1, '96Mi'), hpa])).toHaveLength(3);
  expect(podsOf([deployment('api', 2, '96Mi')])).toHaveLength(2);
});

test('a closed node has no room, and pods that will be replaced take none', () => {
  const node = (name: string, more: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: more,
    status: { allocatable: { memory: '500Mi', cpu: '2' }, conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const pod = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { nodeName: 'one', containers: [{ resources: { requests: { memory: '100Mi', cpu: '100m' } } }] },
    status: { phase: 'Running' },
  });
  const nodes = [node('one'), node('closed', { taints: [{ effect: 'NoSchedule' }] })];
  expect(roomOn(nodes, [pod('theirs'), pod('ours')], ({ metadata }) => metadata.name === 'ours')).toEqual([
    { name: 'one', memory: 400, cpu: 1_900 },
  ]);
});

test('pods are placed so that small ones fill what large ones leave, and what has no room is named', () => {
  const room = (name: string, memory: number) => ({ name, memory, cpu: 1_000 });
  const pods = [room('a', 256), room('b', 192), room('c', 192), room('d', 176)].map((pod) => ({ ...pod, cpu: 100 }));
  expect(fitOn([room('one', 450), room('two', 450)], pods).left).toEqual([]);
  expect(fitOn([room('one', 450), room('two', 300)], pods).left.map(({ name }) => name)).toEqual(['d']);
});
