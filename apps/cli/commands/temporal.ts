import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';
import { builds, setCurrent } from '../temporal/builds.ts';
import { exec } from '../temporal/exec.ts';
import { applyNamespaces, applySchema, install } from '../temporal/install.ts';
import { status } from '../temporal/status.ts';
import { inEnvironment } from './k8s.ts';

export function addTemporal(program: Command, act: Act): void {
  const temporal = program.command('temporal').description('the Temporal of the cluster: install, schema, namespaces, status');
  inEnvironment(temporal.command('install'))
    .description('install PostgreSQL and Temporal without the rest')
    .addHelpText('after', examples('waybill temporal install'))
    .action(act(install));
  const schema = temporal.command('schema').description('the schema of Temporal’s two databases');
  for (const [verb, description] of [
    ['setup', 'make the schema where there is none'],
    ['upgrade', 'bring the schema to what the server of this version needs'],
  ] as const) {
    inEnvironment(schema.command(verb))
      .description(description)
      .addHelpText('after', examples(`waybill temporal schema ${verb}`))
      .action(act(applySchema));
  }
  const namespace = temporal.command('namespace').description('the namespaces that the platform declares');
  inEnvironment(namespace.command('apply'))
    .description('make them where they are missing, with their retention and search attributes')
    .addHelpText('after', examples('waybill temporal namespace apply'))
    .action(act(applyNamespaces));
  inEnvironment(temporal.command('status'))
    .description('say whether Temporal is blocked, waiting or active, and why (exit code 6 unless active)')
    .addHelpText('after', examples('waybill temporal status', 'waybill temporal status --json'))
    .action(act(status));
  inEnvironment(temporal.command('builds'))
    .description('show which builds work on orders, and how many orders are open on each')
    .addHelpText('after', examples('waybill temporal builds', 'waybill temporal builds --json'))
    .action(act(builds));
  inEnvironment(temporal.command('set-current').argument('<build>', 'as "temporal builds" names it; "none" is workers without a version'))
    .option('--service <name>', 'one service in place of all')
    .option('--wait <seconds>', 'how long workers of the build may take to turn up', '60')
    .description('give new orders, and those that move on, to a build; going back is the same')
    .addHelpText('after', examples('waybill temporal set-current 0.2.0-0123456789ab'))
    .action(act(setCurrent));
  inEnvironment(temporal.command('exec').argument('<args...>', 'what to run, behind --'))
    .description('run Temporal’s own command in the cluster')
    .addHelpText('after', examples('waybill temporal exec -- workflow list --limit 5', 'waybill temporal exec -- operator cluster health'))
    .action(act(exec));
}
