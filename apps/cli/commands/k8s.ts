import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { examples } from '../examples.ts';
import { diff } from '../k8s/diff.ts';
import { runJob } from '../k8s/job.ts';
import { restart, scale, start, stop } from '../k8s/lifecycle.ts';
import { exec, logs, remove } from '../k8s/pods.ts';
import { doors, portForward } from '../k8s/port-forward.ts';
import { quickstart } from '../k8s/quickstart.ts';
import { renderCommand } from '../k8s/render-command.ts';
import { history, rollback } from '../k8s/revisions.ts';
import { openSession } from '../k8s/session.ts';
import { status, wait } from '../k8s/status.ts';
import { verify } from '../k8s/verify.ts';

/** Options that say which environment and which part of it are meant. */
export const inEnvironment = (command: Command): Command => command.option('-e, --env <environment>', 'staging or prod', 'prod');
const select = (command: Command, usual = 'all'): Command =>
  inEnvironment(command).option('-l, --part <name>', `infra, monitoring, apps, or a release (default: ${usual})`);
const withSelector = (command: Command): Command => command.option('--selector <labels>', 'only objects with these labels');

export function addK8s(program: Command, act: Act): void {
  const k8s = program.command('k8s').description('install, upgrade and look after Waybill on Kubernetes');
  addInstalling(k8s, act);
  addLooking(k8s, act);
  addChanging(k8s, act);
  addWork(k8s, act);
}

function addInstalling(k8s: Command, act: Act): void {
  select(k8s.command('quickstart'))
    .option('--topology <name>', 'compact or services; kept in config.yml')
    .option('--image <name>', 'REPOSITORY:TAG or REPOSITORY@DIGEST; kept in config.yml')
    .option('--sku <sku>', 'what the test order buys')
    .option('--no-seed', 'leave out the demo catalogue of a first install')
    .option('--no-verify', 'leave out the test order')
    .option('--no-check', 'do not ask first whether the cluster can take it')
    .option('--take-over', 'go on where another install was killed')
    .option('--force-upgrade', 'let a new build take over although an order would stop under it')
    .description('install everything and drive an order through it; on an installation that is there, upgrade it')
    .addHelpText(
      'after',
      examples(
        'waybill k8s quickstart -I',
        'waybill k8s quickstart --topology services --image registry.example/waybill:0.2.0-0123456789ab',
        'waybill k8s quickstart -e staging -l apps',
      ),
    )
    .action(act(quickstart));
  withSelector(select(k8s.command('start')))
    .option('--take-over', 'go on where another install was killed')
    .option('--force-upgrade', 'let a new build take over although an order would stop under it')
    .description('start what was stopped, and bring back what was deleted')
    .addHelpText('after', examples('waybill k8s start', 'waybill k8s start -e staging -l apps'))
    .action(act(start));
  withSelector(select(k8s.command('stop')))
    .description('scale to zero; volumes, Services and the external address stay')
    .addHelpText('after', examples('waybill k8s stop -e staging'))
    .action(act(stop));
  withSelector(select(k8s.command('restart'), 'apps'))
    .description('exchange the pods one by one')
    .addHelpText('after', examples('waybill k8s restart', 'waybill k8s restart --selector app.kubernetes.io/component=gateway'))
    .action(act(restart));
}

function addLooking(k8s: Command, act: Act): void {
  withSelector(select(k8s.command('status')))
    .description('say what is ready, and of what is not, why (exit code 6)')
    .addHelpText('after', examples('waybill k8s status', 'waybill k8s status -e staging -l apps --json'))
    .action(act(status));
  withSelector(select(k8s.command('wait')))
    .option('--timeout <seconds>', 'how long (default: K8S_TIMEOUT)')
    .description('wait until everything is ready, saying what for')
    .addHelpText('after', examples('waybill k8s wait --timeout 300'))
    .action(act(wait));
  inEnvironment(k8s.command('verify'))
    .option('--sku <sku>', 'what the test order buys', 'MUG-BLUE')
    .option('--url <url>', 'where the API answers; a port-forward when left out')
    .option('--timeout <seconds>', 'how long the order may take', '180')
    .description('place a test order in the cluster and follow it to its end')
    .addHelpText('after', examples('waybill k8s verify', 'waybill k8s verify -e staging --url https://staging.shop.example'))
    .action(act(verify));
  select(k8s.command('diff'))
    .description('show what an install would change')
    .addHelpText('after', examples('waybill k8s diff', 'waybill k8s diff -e staging -l apps'))
    .action(act(diff));
  select(k8s.command('render'))
    .description('write plain manifests, for kubectl apply -k')
    .addHelpText('after', examples('waybill k8s render && kubectl apply -k $(waybill config printroot)'))
    .action(act(renderCommand));
  withSelector(select(k8s.command('logs').argument('[component]', 'such as api, orders-worker, temporal; all of it when left out'), 'apps'))
    .option('-f, --follow', 'go on printing, until Ctrl-C')
    .option('-n, --lines <number>', 'how many lines of each pod to begin with', '50')
    .option('--since <duration>', 'only what was written since, such as 10m')
    .option('--previous', 'of the container before the last restart')
    .description('print the logs of pods')
    .addHelpText('after', examples('waybill k8s logs worker -f', 'waybill k8s logs temporal --since 10m'))
    .action(act(logs));
}

function addChanging(k8s: Command, act: Act): void {
  select(k8s.command('rollback'), 'apps')
    .option('--to <revision>', 'the revision; the one before when left out')
    .description('go back to the revision before')
    .addHelpText('after', examples('waybill k8s rollback', 'waybill k8s rollback -e staging -l waybill --to 3'))
    .action(act(rollback));
  select(k8s.command('history'))
    .description('list what was installed when')
    .addHelpText('after', examples('waybill k8s history', 'waybill k8s history -l apps --json'))
    .action(act(history));
  inEnvironment(k8s.command('scale').argument('<COMPONENT=REPLICAS...>', 'how many of what'))
    .description('set replicas, and keep that in config.yml')
    .addHelpText('after', examples('waybill k8s scale orders-api=4 gateway=3'))
    .action(act(scale));
  select(k8s.command('delete'), 'apps')
    .option('-y, --yes', 'do not ask')
    .option('--volumes', 'with all data')
    .description('take releases out of the cluster; data and secrets stay')
    .addHelpText('after', examples('waybill k8s delete -e staging', 'waybill k8s delete -l all --volumes -y'))
    .action(act(remove));
}

function addWork(k8s: Command, act: Act): void {
  inEnvironment(k8s.command('exec').argument('<component>', 'such as api, postgresql').argument('<command...>', 'what to run, behind --'))
    .description('run a program in a pod')
    .addHelpText('after', examples('waybill k8s exec postgresql -- psql -U postgres -l'))
    .action(act(exec));
  inEnvironment(k8s.command('port-forward').argument('<door>', doors.join(', ')))
    .option('--port <number>', 'another port of this machine than web 3000, temporal-ui 8080, codec-server 8089, grafana 3001')
    .description('open a way into the cluster, until Ctrl-C')
    .addHelpText('after', examples('waybill k8s port-forward web', 'waybill k8s port-forward grafana'))
    .action(act(portForward));
  const work = k8s.command('do').description('single pieces of work on the databases in the cluster');
  for (const [name, description] of [
    ['migrate', 'bring the databases to the schema of the installed version'],
    ['seed', 'add what is missing of the demo catalogue and its stock'],
  ] as const) {
    inEnvironment(work.command(name))
      .description(description)
      .addHelpText('after', examples(`waybill k8s do ${name}`))
      .action(act((context, options: { env?: string }) => runJob(openSession(context, options), name)));
  }
}
