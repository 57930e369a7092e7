import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { findHelm, helmMajors } from '../test/tools/helm.ts';
import { findKubeScore } from '../test/tools/kube-score.ts';
import { type Chart, deployFile, renderText, type Settings, topologies, valuesFiles } from './testing/render.ts';

const run = promisify(execFile);
const charts: readonly Chart[] = ['platform', 'monitoring', 'waybill'];
const caddy: Settings = { 'entrance.type': 'caddy', 'entrance.host': 'shop.example.com' };
const ingress: Settings = { 'entrance.type': 'ingress', 'entrance.host': 'shop.example.com' };

describe.each(helmMajors)('helm lint of Helm %i', (helm) => {
  it.each(charts.flatMap((chart) => topologies.map((topology) => ({ chart, topology }))))(
    'finds nothing wrong with $chart, topology $topology',
    async ({ chart, topology }) => {
      const files = valuesFiles({ chart, topology }).flatMap((file) => ['--values', deployFile(file)]);
      const { stdout } = await run(await findHelm(helm), ['lint', '--quiet', '--strict', deployFile(`charts/${chart}`), ...files]);
      expect(stdout.trim()).toBe('');
    },
  );
});

/** What kube-score asks for and we have decided otherwise. */
const decided = [
  'container-image-pull-policy', // a tag names one build for ever, so what is on the node is right
  'deployment-has-host-podantiaffinity', // spread constraints do this
  'deployment-replicas', // small clusters run one of what can be away for a moment
  'deployment-strategy', // what has a volume that can be mounted once is replaced, not rolled
];
const decidedFor: Record<Chart, string[]> = {
  waybill: [],
  platform: ['container-security-context-user-group-id'], // the files of the official images belong to low ids
  monitoring: [
    'pod-probes-identical', // the collector has one answer to how it is
    'statefulset-has-servicename', // nobody asks for the one Prometheus by the name of its pod
  ],
};

describe('kube-score', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-score-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ...charts.flatMap((chart) => topologies.map((topology) => ({ chart, topology, set: {} }))),
    ...[caddy, ingress].map((set) => ({ chart: 'waybill' as const, topology: 'compact' as const, set })),
  ])('finds nothing that we have not decided: $chart, $topology, $set', async ({ chart, topology, set }) => {
    const file = join(folder, 'manifests.yaml');
    writeFileSync(file, await renderText({ chart, topology, set }));
    // No limit of processor time: it would slow a pod down while the node idles.
    const ignored = [...decided, ...decidedFor[chart]].flatMap((test) => ['--ignore-test', test]);
    const { stdout } = await run(await findKubeScore(), [
      'score',
      file,
      '--output-format',
      'ci',
      '--ignore-container-cpu-limit',
      ...ignored,
    ]).catch((error: { stdout: string }) => error);
    expect(stdout.split('\n').filter((line) => /^\[(CRITICAL|WARNING)\]/.test(line))).toEqual([]);
  });
});
