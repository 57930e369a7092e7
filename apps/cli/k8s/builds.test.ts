import { describe, expect, test } from 'vitest';
import { loadConfiguration } from '../configuration.ts';
import { rootAt } from '../root.ts';
import { beside, buildsToKeep, buildWorkersIn, parseEarlierBuilds, type SeenBuild, withEarlierBuilds, worksOnOrders } from './builds.ts';
import { parseImage } from './image.ts';
import type { KubeObject } from './objects.ts';
import { releasesOf } from './releases.ts';
import { valuesFor } from './values.ts';

type Made = { name?: string; tag: string; roles?: string[]; versioning?: string; build?: string; env?: { name: string; value: string }[] };

/** A Deployment as the chart makes them. */
const deployment = ({
  name = 'orders-worker',
  tag,
  roles = ['orders-worker'],
  versioning = 'pinned',
  build,
  env = [],
}: Made): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'prod', labels: { 'app.kubernetes.io/component': 'orders-worker', 'app.kubernetes.io/version': tag } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { 'app.kubernetes.io/component': 'orders-worker', 'waybill/build': build ?? 'current' } },
    template: {
      metadata: { labels: { 'app.kubernetes.io/component': 'orders-worker', 'waybill/build': build ?? 'current' } },
      spec: {
        containers: [
          {
            name: 'orders-worker',
            image: `waybill/waybill:${tag}`,
            args: ['run', ...roles],
            env: [{ name: 'TEMPORAL_VERSIONING', value: versioning }, { name: 'TEMPORAL_WORKER_BUILD_ID', value: tag }, ...env],
          },
        ],
      },
    },
  },
});

const running = (...made: Made[]) => buildWorkersIn(made.map(deployment));
const seen = (buildId: string, status: SeenBuild['status'], pinnedOrders = 0): SeenBuild => ({ buildId, status, pinnedOrders });

describe('what a Deployment says of its workers', () => {
  test('their build, their services and whether they are the newest', () => {
    const [packed, earlier] = running(
      { name: 'worker', tag: '2', roles: ['catalog-worker', 'orders-worker'], versioning: 'autoUpgrade' },
      { name: 'orders-worker-1', tag: '1', build: '1' },
    );
    expect(packed).toMatchObject({ buildId: '2', services: ['catalog', 'orders'], versioning: 'autoUpgrade', newest: true });
    expect(earlier).toMatchObject({ buildId: '1', image: { tag: '1' }, newest: false });
  });

  test('nothing of an API, of workers without a version, and of those whose build another program chooses', () => {
    const found = running(
      { tag: '1', roles: ['orders-api'] },
      { tag: '1', versioning: 'off' },
      { tag: '1', env: [{ name: 'TEMPORAL_DEPLOYMENT_NAME', value: 'waybill-orders' }] },
    );
    expect(found).toEqual([]);
  });

  test('only those of orders have workflows', () => {
    expect(running({ tag: '1' }, { tag: '1', roles: ['billing-worker'] }).map(worksOnOrders)).toEqual([true, false]);
  });
});

describe('the builds that keep their workers', () => {
  test('are the one that was current and those that are draining; a drained one goes', () => {
    const kept = buildsToKeep({
      wanted: '4',
      running: running({ tag: '3' }, { tag: '2', build: '2' }, { tag: '1', build: '1' }),
      remembered: [{ tag: '2' }, { tag: '1' }],
      seen: [seen('3', 'current', 5), seen('2', 'draining', 1), seen('1', 'drained')],
    });
    expect(kept).toEqual([{ tag: '2' }, { tag: '3' }]);
  });

  test('stay while Temporal has not looked again, although no order is counted', () => {
    const kept = buildsToKeep({ wanted: '2', running: running({ tag: '2' }), remembered: [{ tag: '1' }], seen: [seen('1', 'draining')] });
    expect(kept).toEqual([{ tag: '1' }]);
  });

  test('come back when their workers have gone and orders wait for them', () => {
    const kept = buildsToKeep({
      wanted: '2',
      running: running({ tag: '2' }),
      remembered: [],
      seen: [seen('2', 'current'), seen('1', 'draining', 3)],
    });
    expect(kept).toEqual([{ tag: '1' }]);
  });

  test('do not hold one that never became current', () => {
    const kept = buildsToKeep({
      wanted: '3',
      running: running({ tag: '2' }),
      remembered: [{ tag: '1' }],
      seen: [seen('2', 'inactive'), seen('1', 'current')],
    });
    expect(kept).toEqual([{ tag: '1' }]);
  });

  test('are all that are known where Temporal cannot be asked', () => {
    expect(buildsToKeep({ wanted: '3', running: running({ tag: '2' }), remembered: [{ tag: '1' }] })).toEqual([{ tag: '1' }, { tag: '2' }]);
  });

  test('are none where orders move on, but for orders that are pinned from before', () => {
    const moving = running({ name: 'worker', tag: '1', versioning: 'autoUpgrade' });
    expect(buildsToKeep({ wanted: '2', running: moving, remembered: [], seen: [seen('1', 'current')] })).toEqual([]);
    expect(buildsToKeep({ wanted: '2', running: moving, remembered: [], seen: [seen('1', 'current', 1)] })).toEqual([{ tag: '1' }]);
  });

  test('do not hold the wanted one, which may be current again', () => {
    const kept = buildsToKeep({ wanted: '1', running: running({ tag: '2' }, { tag: '1', build: '1' }), remembered: [{ tag: '1' }] });
    expect(kept).toEqual([{ tag: '2' }]);
  });

  test('keep the digest of their image', () => {
    const image = parseImage(`registry.example:5000/waybill@sha256:${'a'.repeat(64)}`);
    expect(image).toEqual({ repository: 'registry.example:5000/waybill', tag: 'sha256-aaaaaaaaaaaa', digest: `sha256:${'a'.repeat(64)}` });
    const text = withEarlierBuilds(['staging/7'], 'prod', [{ tag: image.tag, digest: image.digest ?? '' }]);
    expect(parseEarlierBuilds(text?.split(',') ?? [], 'prod')).toEqual([{ tag: image.tag, digest: image.digest }]);
  });
});

describe('K8S_EARLIER_BUILDS', () => {
  test('holds the builds of each environment, and is gone with the last', () => {
    expect(withEarlierBuilds(['staging/7', 'prod/1'], 'prod', [{ tag: '2' }])).toBe('staging/7,prod/2');
    expect(withEarlierBuilds(['prod/1'], 'prod', [])).toBeUndefined();
    expect(parseEarlierBuilds(['staging/7', 'prod/1'], 'staging')).toEqual([{ tag: '7' }]);
  });

  test('is refused by its entry', () => {
    expect(() => parseEarlierBuilds(['shop/1'], 'prod')).toThrow('K8S_EARLIER_BUILDS holds "shop/1"');
  });

  test('becomes values of the workers of orders, in either topology and without the newest', () => {
    const valuesOf = (topology: string) => {
      const env = { K8S_PROD_TOPOLOGY: topology, K8S_EARLIER_BUILDS: 'prod/1,staging/9,prod/2', K8S_REPLICAS: 'prod/orders-worker=3' };
      const configuration = loadConfiguration(rootAt({ flag: '/nowhere', env: {}, cwd: '/' }), env);
      return valuesFor(releasesOf('prod')[2], 'prod', configuration, parseImage('waybill/waybill:2'))['components'];
    };
    expect(valuesOf('services')).toEqual({ 'orders-worker': { replicas: 3, deploymentVersioning: { previousBuilds: [{ tag: '1' }] } } });
    expect(valuesOf('compact')).toMatchObject({ worker: { deploymentVersioning: { previousBuilds: [{ tag: '1' }] } } });
  });
});

test('workers beside their release are named and marked as the chart names and marks those of an earlier build', () => {
  const [workers] = running({ tag: '0.2.0-BBbb_1' });
  if (!workers) throw new Error('the Deployment has no workers');
  const kept = beside(workers, { name: 'waybill', namespace: 'prod' });
  expect(kept.metadata).toMatchObject({
    name: 'orders-worker-0-2-0-bbbb-1',
    annotations: { 'meta.helm.sh/release-name': 'waybill', 'meta.helm.sh/release-namespace': 'prod' },
    labels: { 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/version': '0.2.0-BBbb_1' },
  });
  expect(kept.spec.selector.matchLabels['waybill/build']).toBe('0.2.0-BBbb_1');
  expect(kept.spec.template.metadata.labels['waybill/build']).toBe('0.2.0-BBbb_1');
  expect(kept.spec.replicas).toBe(1);
  expect(workers.object.spec.replicas).toBe(2);
});
