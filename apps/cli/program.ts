import { Command, type CommanderError } from 'commander';
import { addBackup } from './commands/backup.ts';
import { addCluster } from './commands/cluster.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDo } from './commands/do.ts';
import { addDoctor } from './commands/doctor.ts';
import { addImages } from './commands/images.ts';
import { addK8s } from './commands/k8s.ts';
import { addLocal } from './commands/local.ts';
import { addOrders } from './commands/orders.ts';
import { addReconcile } from './commands/reconcile.ts';
import { addSecrets } from './commands/secrets.ts';
import { addTemporal } from './commands/temporal.ts';
import { addUpgrade } from './commands/upgrade.ts';
import type { Act, Context } from './context.ts';
import { examples } from './examples.ts';
import type { Io } from './io.ts';
import { rootAt } from './root.ts';

type GlobalOptions = { root?: string; interactive: boolean; dryRun?: boolean; json?: boolean };

/** The whole command, as data for commander: verbs, options, help. `finish` gets the exit code of the verb that ran. */
export function createProgram(io: Io, finish: (code: number) => void): Command {
  const program = new Command('waybill')
    .description('Orders that cannot get lost: run, look after and use a Waybill installation.')
    .option('-r, --root <folder>', 'where everything of this installation is kept (also WAYBILL_ROOT)')
    .option('-I, --no-interactive', 'never ask anything')
    .option('--dry-run', 'only print what would be done')
    .option('--json', 'print data as JSON')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'waybill: ')),
      getOutHelpWidth: () => 120,
      getErrHelpWidth: () => 120,
    })
    .showHelpAfterError('  how to fix: add -h to see what is possible')
    .exitOverride();
  const act: Act =
    (work) =>
    async (...parsed) => {
      finish((await work(contextOf(program.opts(), io), ...parsed)) ?? 0);
    };
  addLocal(program, act);
  addK8s(program, act);
  addTemporal(program, act);
  addCluster(program, act);
  addSecrets(program, act);
  addUpgrade(program, act);
  addDo(program, act);
  addOrders(program, act);
  addConfig(program, act);
  addImages(program, act);
  addBackup(program, act);
  addReconcile(program, act);
  addDoctor(program, act);
  addCompletion(program, act);
  program.addHelpText(
    'after',
    examples(
      'waybill local quickstart           everything on this machine, and a first order before your eyes',
      'waybill k8s quickstart             everything on a cluster, and an order that goes through it',
      'waybill orders place --sku MUG-BLUE:2 --watch',
      'waybill config printvalue ADMIN_API_KEY',
    ),
  );
  return program;
}

function contextOf(options: GlobalOptions, io: Io): Context {
  return {
    io,
    root: rootAt({ ...(options.root !== undefined && { flag: options.root }), env: io.env, cwd: io.cwd }),
    json: options.json ?? false,
    dryRun: options.dryRun ?? false,
    interactive: options.interactive && io.tty,
  };
}

/** What commander's own refusals are worth: help is fine, a wrong use is not. */
export function exitCodeOfUsage(error: CommanderError): number {
  return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : 2;
}
