import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';
import { upgrade } from '../upgrade/check.ts';

export function addUpgrade(program: Command, act: Act): void {
  program
    .command('upgrade')
    .description('tell whether running orders can go on with the code at hand')
    .option('--check', 'replay real orders with the new workflow code; change nothing (exit code 5 when one would stop)')
    .option('-e, --env <environment>', 'staging or prod: in the cluster, with the image of its next install')
    .option('--sample <number>', 'how many orders are replayed', '200')
    .addHelpText(
      'after',
      examples('waybill upgrade --check', 'waybill upgrade --check -e prod', 'waybill upgrade --check --json --sample 1000'),
    )
    .action(act(upgrade));
}
