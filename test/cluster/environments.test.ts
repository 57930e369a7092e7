import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { door, kubectl, leave, requireCluster, runningPods, succeeds, waybill, withCustom } from './installation.ts';
import { openShop } from './steady-orders.ts';

beforeAll(async () => {
  requireCluster();
  await succeeds('k8s', 'quickstart', '-e', 'prod', '--no-verify');
});
afterAll(async () => {
  await succeeds('k8s', 'delete', '-e', 'staging', '-y');
  await succeeds('config', 'save', '-U', 'K8S_ENVIRONMENTS');
  await succeeds('k8s', 'start', '-e', 'prod');
  await leave();
});

const logLevel = (environment: string): Promise<string> =>
  kubectl('get', 'configmap', 'waybill-config', '--namespace', environment, '--output', 'jsonpath={.data.LOG_LEVEL}');

/** What must stay while staging alone is changed. */
async function others(): Promise<unknown> {
  const { releases } = JSON.parse(await succeeds('--json', 'k8s', 'history', '-e', 'prod')) as {
    releases: { release: string; revisions: { revision: number }[] }[];
  };
  const pods = (await runningPods('infra', 'monitoring', 'prod')).map(({ metadata, status }) => [
    metadata.name,
    status.containerStatuses[0].restartCount,
  ]);
  return { revisions: releases.map(({ release, revisions }) => [release, revisions.at(-1)?.revision]), pods };
}

test('staging stands beside prod, and neither sees the orders of the other', async () => {
  await succeeds('k8s', 'quickstart', '-e', 'staging');
  const { order } = JSON.parse(await succeeds('--json', 'k8s', 'verify', '-e', 'prod')) as { order: string };
  const look = async (environment: string) => {
    using shop = await openShop(await door(environment));
    return (await shop.api.client.GET('/v1/orders/{id}', { params: { path: { id: order } } })).data?.status;
  };
  expect(await look('prod')).toBe('completed');
  await expect(look('staging')).rejects.toMatchObject({ code: 'not_found' });
});

test('-l apps deploys, compares and rolls back one environment alone', async () => {
  const before = await others();
  expect(await logLevel('staging')).toBe('debug');
  await withCustom({ 'values/waybill-staging.yaml': stringify({ config: { LOG_LEVEL: 'warn' } }) }, async () => {
    const difference = await succeeds('k8s', 'diff', '-e', 'staging', '-l', 'apps');
    expect(difference).toMatch(/^-\s+LOG_LEVEL: debug$/m);
    expect(difference).toMatch(/^\+\s+LOG_LEVEL: warn$/m);
    expect(await succeeds('k8s', 'diff', '-e', 'prod')).toContain('no difference');
    await succeeds('k8s', 'quickstart', '-e', 'staging', '-l', 'apps');
    expect(await logLevel('staging')).toBe('warn');
    expect(await succeeds('k8s', 'diff', '-e', 'staging', '-l', 'apps')).toContain('no difference');
    expect(await others()).toEqual(before);
    await succeeds('k8s', 'rollback', '-e', 'staging');
  });
  expect(await logLevel('staging')).toBe('debug');
  expect(await logLevel('prod')).toBe('info');
  expect(await others()).toEqual(before);
  await succeeds('k8s', 'verify', '-e', 'staging');
  await succeeds('k8s', 'verify', '-e', 'prod');
});

test('staging stops alone, and prod goes on', async () => {
  await succeeds('k8s', 'stop', '-e', 'staging');
  await expect
    .poll(async () => (await waybill('k8s', 'status', '-e', 'staging', '-l', 'apps')).out, { timeout: 120_000 })
    .toContain('it is stopped');
  await succeeds('k8s', 'verify', '-e', 'prod');
  await succeeds('k8s', 'start', '-e', 'staging');
  await succeeds('k8s', 'verify', '-e', 'staging');
});
