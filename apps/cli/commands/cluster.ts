import type { Command } from 'commander';
import { check } from '../cluster/check.ts';
import { createEks } from '../cluster/eks.ts';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';
import { inEnvironment } from './k8s.ts';

export function addCluster(program: Command, act: Act): void {
  const cluster = program.command('cluster').description('make a cluster, and find out whether one will do');
  inEnvironment(cluster.command('check'))
    .description('say whether the cluster can take the installation, and what fits best (exit code 6 if not)')
    .addHelpText('after', examples('waybill cluster check', 'waybill cluster check -e staging --json'))
    .action(act(check));
  cluster
    .command('create-eks')
    .option('--name <name>', 'name of the cluster', 'waybill')
    .option('--region <region>', 'where', 'eu-central-1')
    .option('--nodes <number>', 'how many machines', '3')
    .option('--type <type>', 'which machines', 'm7g.large')
    .option('--version <version>', 'Kubernetes version', '1.34')
    .option('-y, --yes', 'do not ask')
    .description('show an eksctl configuration, and make the cluster once you say yes')
    .addHelpText('after', examples('waybill cluster create-eks --dry-run', 'waybill cluster create-eks --region eu-west-1 --nodes 4 -y'))
    .action(act(createEks));
}
