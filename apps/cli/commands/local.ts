import type { Command } from 'commander';
import type { Act, Context } from '../context.ts';
import {
  refuseInDocker,
  restartDocker,
  showDockerLogs,
  showDockerStatus,
  startDocker,
  stopDocker,
  usesDocker,
} from '../docker/lifecycle.ts';
import { renderCommand } from '../docker/render.ts';
import { examples } from '../examples.ts';
import { CommandError } from '../failure.ts';
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
    .action(
      act((context) => {
        refuseInDocker(context, 'there is no quickstart', '"waybill local start", then "waybill local do seed" and "waybill orders place"');
        return quickstart(context);
      }),
    );
  local
    .command('start')
    .option('-d, --detach', 'in the background, with logs in the root folder')
    .option('--docker', 'as containers in the background, behind Caddy with TLS for HOST; kept in config.yml')
    .option('--image <name>', 'with --docker: REPOSITORY:TAG or REPOSITORY@DIGEST; kept in config.yml')
    .description('start everything; stays in the foreground until Ctrl-C')
    .addHelpText(
      'after',
      examples(
        'waybill local start',
        'waybill local start -d && waybill local logs -f',
        'waybill config save -s HOST=shop.example.com && waybill local start --docker',
      ),
    )
    .action(act(startHere));
  local
    .command('render')
    .description('write what "start --docker" runs (compose file, Caddyfile, secrets), and do not run it')
    .addHelpText('after', examples('waybill local render'))
    .action(act(renderCommand));
  local
    .command('stop')
    .description('stop what runs here, cleanly: server, Temporal, PostgreSQL')
    .addHelpText('after', examples('waybill local stop'))
    .action(act((context) => (usesDocker(context) ? stopDocker(context) : stop(context))));
  local
    .command('restart')
    .description('stop what runs here, if anything does, and start it in the background')
    .addHelpText('after', examples('waybill config save -s PORT=3001 && waybill local restart'))
    .action(
      act(async (context) => {
        if (usesDocker(context)) return restartDocker(context);
        await stop(context, { mayBeStopped: true });
        return startDetached(context);
      }),
    );
  local
    .command('status')
    .description('say what runs here and whether it is ready (exit code 6 if not)')
    .addHelpText('after', examples('waybill local status', 'waybill local status --json'))
    .action(act((context) => (usesDocker(context) ? showDockerStatus(context) : showStatus(context))));
  local
    .command('logs')
    .argument('[service]', `one of ${logNames.join(', ')}, or in Docker a container; all when left out`)
    .option('-f, --follow', 'go on printing what is written, until Ctrl-C')
    .option('-n, --lines <number>', 'how many lines of each to begin with', '50')
    .description('print the logs')
    .addHelpText('after', examples('waybill local logs server -f', 'waybill local logs postgres -n 200'))
    .action(
      act((context, service: string | undefined, options: { follow?: boolean; lines: string }) =>
        usesDocker(context) ? showDockerLogs(context, service, options) : showLogs(context, service, options),
      ),
    );
  addDo(local, act, 'waybill local');
}

type StartOptions = { detach?: boolean; docker?: boolean; image?: string };

async function startHere(context: Context, { detach, docker, image }: StartOptions): Promise<number | undefined> {
  if (docker || usesDocker(context)) return startDocker(context, image === undefined ? {} : { image });
  if (image !== undefined) {
    throw new CommandError('invalid', '--image names what containers run, and this installation has none', { fix: 'add --docker' });
  }
  return detach ? startDetached(context) : start(context);
}
