import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Context, print, proseOf } from '../context.ts';
import { requireTool } from '../external/tools.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { openSession } from '../k8s/session.ts';
import { createRoot } from '../root.ts';
import { writeWhole } from '../yaml-file.ts';

export type EksOptions = { name: string; region: string; nodes: string; type: string; version: string; yes?: boolean };

/** Renders an eksctl configuration, shows it, and runs it once somebody has said yes: it costs money. */
export async function createEks(context: Context, options: EksOptions): Promise<undefined> {
  const nodes = Number(options.nodes);
  if (!Number.isInteger(nodes) || nodes < 1) {
    throw new CommandError('invalid', `--nodes ${options.nodes}: it must be a whole number from 1`, { fix: 'write it as --nodes 3' });
  }
  const text = stringify(eksConfiguration({ ...options, nodes }));
  const folder = join(context.root.path, 'eks');
  const path = join(folder, `${options.name}.yaml`);
  if (!context.dryRun) {
    createRoot(context.root);
    mkdirSync(folder, { recursive: true });
    writeWhole(path, text, 0o644);
  }
  proseOf(context)(text.trimEnd());
  const { tools } = openSession(context);
  if (!context.dryRun) {
    if (!options.yes) await confirm(context, options);
    await requireTool(tools, 'eksctl');
  }
  await tools.change('eksctl', ['create', 'cluster', '--config-file', path], {
    timeoutMs: 3_600_000,
    onLine: (line) => context.io.err(line),
  });
  print(context, { name: options.name, region: options.region, configuration: path, created: !context.dryRun }, [
    context.dryRun
      ? 'nothing was made'
      : `the cluster ${options.name} is there; go on with "waybill cluster check" and "waybill k8s quickstart"`,
  ]);
}

async function confirm(context: Context, { name, region, nodes, type }: EksOptions): Promise<void> {
  if (!context.interactive) {
    throw new CommandError('invalid', `${nodes} machines of type ${type} cost money, and nobody can be asked here`, {
      fix: 'say yes with -y',
    });
  }
  const clack = await import('@clack/prompts');
  const answer = await clack.confirm({
    message: `Make the cluster ${name} in ${region} with ${nodes} × ${type} now? It costs money.`,
    initialValue: false,
  });
  if (answer !== true) throw new Interrupted();
}

/** One managed node group over three zones, encrypted volumes, and the add-ons that Waybill needs. */
export function eksConfiguration(options: Omit<EksOptions, 'nodes' | 'yes'> & { nodes: number }): Record<string, unknown> {
  const { name, region, version, nodes, type } = options;
  return {
    apiVersion: 'eksctl.io/v1alpha5',
    kind: 'ClusterConfig',
    metadata: { name, region, version, tags: { application: 'waybill' } },
    iam: { withOIDC: true },
    addonsConfig: { autoApplyPodIdentityAssociations: true },
    addons: [
      { name: 'eks-pod-identity-agent' },
      { name: 'vpc-cni' },
      { name: 'coredns' },
      { name: 'kube-proxy' },
      { name: 'metrics-server' },
      { name: 'aws-ebs-csi-driver', configurationValues: '{"defaultStorageClass":{"enabled":true}}' },
    ],
    managedNodeGroups: [
      {
        name: 'general',
        instanceType: type,
        desiredCapacity: nodes,
        minSize: nodes,
        maxSize: nodes * 2,
        volumeSize: 50,
        volumeEncrypted: true,
        privateNetworking: true,
        labels: { 'waybill.dev/pool': 'general' },
      },
    ],
    cloudWatch: { clusterLogging: { enableTypes: ['audit', 'authenticator'] } },
  };
}
