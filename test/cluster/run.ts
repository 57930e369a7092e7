// Tests a whole installation on a cluster: CLUSTER_TOPOLOGY=compact|services npm run test:cluster
// CONTRIBUTING.md has what it needs. All that is missing is told before anything is changed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageTag } from '../../apps/cli/images/tag.ts';
import { run } from './command.ts';
import type { RecipeName } from './image/recipes.ts';
import { loadImages } from './images.ts';

const { env } = process;
const topology = env['CLUSTER_TOPOLOGY'] ?? env['K8S_PROD_TOPOLOGY'] ?? 'compact';
const makesImages = Boolean(env['CLUSTER_TOOL']) && !env['K8S_IMAGE'] && !env['CLUSTER_NEXT_IMAGE'];

const problems = [
  ...(topology === 'compact' || topology === 'services' ? [] : [`CLUSTER_TOPOLOGY is "${topology}": choose compact or services`]),
  ...(env['KUBECONFIG'] ? [] : ['KUBECONFIG is not set: name the file of a cluster that may be filled']),
  ...(env['CLUSTER_NEXT_IMAGE'] || makesImages
    ? []
    : ['CLUSTER_NEXT_IMAGE is not set: name an image of the same or newer code under another tag, or let CLUSTER_TOOL load images']),
  ...(await missing('helm', env['HELM'] ?? 'helm', 'version')),
  ...(await missing('kubectl', env['KUBECTL'] ?? 'kubectl', 'version', '--client')),
];
if (problems.length > 0) {
  for (const problem of problems) console.error(problem);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'waybill-cluster-'));
const settings: NodeJS.ProcessEnv = {
  CLUSTER_LOG: join(folder, 'commands.log'),
  WAYBILL_ROOT: join(folder, 'root'),
  ...env,
  CLUSTER_TOPOLOGY: topology,
  ...(makesImages && (await images())),
};
console.log(`topology ${topology}; every line of every command goes to ${settings['CLUSTER_LOG']}`);
const started = Date.now();
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const asked = process.argv.slice(2); // other files, or -t and a name
const args = ['run', '--config', 'vitest.cluster.config.ts', '--reporter=verbose', ...(asked.length > 0 ? asked : ['k8s.test.ts'])];
const child = spawn(process.execPath, [vitest, ...args], { env: settings, stdio: 'inherit' });
child.once('close', (code) => {
  console.log(`topology ${topology} ${code === 0 ? 'passed' : 'failed'} after ${Math.round((Date.now() - started) / 1_000)} s`);
  if (code === 0 && !env['CLUSTER_LOG'] && !env['WAYBILL_ROOT'] && env['CLUSTER_CLEAN'] === '1') rmSync(folder, { recursive: true });
  process.exitCode = code ?? 1;
});

/** Those that the topology needs, and Waybill's own under a second tag to upgrade to. */
async function images(): Promise<NodeJS.ProcessEnv> {
  const { tag } = await imageTag(env);
  const names: RecipeName[] = ['waybill', 'postgres', 'temporal', 'temporal-admin-tools', 'temporal-ui', 'valkey'];
  if (env['K8S_MONITORING'] !== 'false') names.push('prometheus', 'otel-collector');
  if (topology === 'services') names.push('kafka');
  const [first] = await loadImages(names, tag);
  const [next] = await loadImages(['waybill'], `${tag}-next`);
  return { ...(first && { K8S_IMAGE: first }), ...(next && { CLUSTER_NEXT_IMAGE: next }) };
}

async function missing(name: string, program: string, ...args: string[]): Promise<string[]> {
  const { code } = await run(program, args).catch(() => ({ code: 1 }));
  return code === 0 ? [] : [`"${program}" cannot be run: install ${name}, or name it in ${name.toUpperCase()}`];
}
