import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';
import { logNames } from '../local/log-files.ts';
import { showLogs } from '../local/logs.ts';
import { quickstart } from '../local/quickstart.ts';
import { start, startDetached } from '../local/start.ts';
import { showStatus } from '../local/status.ts';
import { stop } from '../local/stop.ts';
import { addDo } from './do.ts';

export function addLocal(program: Command, act: Act): void {
  const local = program.command('local').description('run everything on this machine');
  local
    .command('quickstart')
    .description('start everything with a demo catalogue, and drive order #1 to delivery before your eyes')
    .addHelpText('after', examples('waybill local quickstart', 'npm start'))
    .action(act(quickstart));
  local
    .command('start')
    .option('-d, --detach', 'in the background, with logs in the root folder')
    .description('start everything; stays in the foreground until Ctrl-C')
    .addHelpText('after', examples('waybill local start', 'waybill local start -d && waybill local logs -f'))
    .action(act((context, options: { detach?: boolean }) => (options.detach ? startDetached(context) : start(context))));
  local
    .command('stop')
    .description('stop what runs here, cleanly: server, Temporal, PostgreSQL')
    .addHelpText('after', examples('waybill local stop'))
    .action(act(stop));
  local
    .command('restart')
    .description('stop what runs here, if anything does, and start it in the background')
    .addHelpText('after', examples('waybill config save -s PORT=3001 && waybill local restart'))
    .action(
      act(async (context) => {
        await stop(context, { mayBeStopped: true });
        return startDetached(context);
      }),
    );
  local
    .command('status')
    .description('say what runs here and whether it is ready (exit code 6 if not)')
    .addHelpText('after', examples('waybill local status', 'waybill local status --json'))
    .action(act(showStatus));
  local
    .command('logs')
    .argument('[service]', `one of ${logNames.join(', ')}; all when left out`)
    .option('-f, --follow', 'go on printing what is written, until Ctrl-C')
    .option('-n, --lines <number>', 'how many lines of each to begin with', '50')
    .description('print the logs')
    .addHelpText('after', examples('waybill local logs server -f', 'waybill local logs postgres -n 200'))
    .action(act(showLogs));
  addDo(local, act, 'waybill local');
}
