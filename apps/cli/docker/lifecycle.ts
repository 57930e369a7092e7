import { existsSync } from 'node:fs';
import { nearest } from '@waybill/kernel/config';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Context, print, proseOf, table } from '../context.ts';
import { createTools, type Tools } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import { codecUrl } from '../local/installation.ts';
import { readiness } from '../local/server.ts';
import { saveChoices, withChoices } from '../save-choices.ts';
import { generateSecrets } from '../secrets.ts';
import { compose, composeArgs, isRunning, type ServiceState, serviceStates } from './compose.ts';
import { entranceOf } from './entrance.ts';
import { imageFor, requireImage } from './image.ts';
import { checkDocker, checkPorts, checkRoot, checkSecrets, publishedPorts } from './preflight.ts';
import { createProject } from './project.ts';
import { composePath, writeProject } from './render.ts';

/** True when "local start --docker" was said of this root folder. */
export const usesDocker = ({ root, io }: Context): boolean => loadConfiguration(root, io.env).cli.LOCAL_DOCKER;

// Images may have to come over a slow line, and a certificate or a migration takes what it takes.
const upTimeoutMs = 3_600_000;
const readySeconds = 600;

/** Renders, and starts or exchanges what has changed. Stays on the image it was given until it is given another. */
export async function startDocker(given: Context, options: { image?: string } = {}): Promise<undefined> {
  const changes = changesOf(given, options.image); // written only when nothing stands against the start
  const context = withChoices(given, changes);
  const { root, io } = context;
  const configuration = loadConfiguration(root, io.env);
  checkRoot(context, configuration);
  const image = await imageFor(context, configuration);
  const project = createProject(root, configuration, image);
  const tools = createTools(context);
  await checkDocker(tools);
  await requireImage(tools, configuration, image);
  await checkSecrets(tools, root);
  const states = existsSync(composePath(root)) ? await serviceStates(context, tools) : [];
  await checkPorts(publishedPorts(project.entrance, configuration), states);
  const say = proseOf(context);
  if (!context.dryRun) {
    saveChoices(given, changes);
    const made = generateSecrets(root, 'docker');
    if (made.length > 0) say(`secrets generated into ${root.secrets}; keep a copy: without it the data cannot be read`);
    writeProject(root, project);
    say(`rendered into ${composePath(root)}`);
  }
  // First the migration: when it fails, the version that runs goes on serving.
  if (isRunning(states, 'waybill')) await runJob(context, tools, ['migrate', 'migrate']);
  await compose(context, tools, ['up', '--detach', '--wait', '--wait-timeout', String(readySeconds), '--remove-orphans'], {
    timeoutMs: upTimeoutMs,
  });
  const { apiUrl } = configuration;
  const reachable = context.dryRun || (await readiness(configuration.listenUrl)).ready;
  print(context, { running: !context.dryRun, image, api: apiUrl, reachable }, summary(context, configuration, reachable));
}

function changesOf(context: Context, image: string | undefined): [string, string][] {
  const configuration = loadConfiguration(context.root, context.io.env);
  const wanted: [string, string | undefined][] = [
    ['LOCAL_DOCKER', 'true'],
    ['LOCAL_IMAGE', image ?? configuration.cli.LOCAL_IMAGE],
  ];
  return wanted.flatMap(([key, value]) =>
    value === undefined || configuration.text(key) === value ? [] : [[key, value] as [string, string]],
  );
}

/** Runs a one-time job of Waybill's image with what it needs to have running. */
const runJob = (context: Context, tools: Tools, [service, ...args]: readonly [string, ...string[]]): Promise<void> =>
  compose(context, tools, ['run', '--rm', '--no-TTY', service, ...args], { timeoutMs: upTimeoutMs });

export async function workInDocker(context: Context, job: 'migrate' | 'seed', done: string): Promise<undefined> {
  await runJob(context, await openProject(context), ['migrate', job]);
  print(context, { job, done: !context.dryRun }, [context.dryRun ? `would ${job} the databases of ${context.root.path}` : done]);
}

/** Replays running orders with the image of the next start, in a container beside those that run. Exit code 5 when one would stop. */
export async function checkUpgradeInDocker(context: Context, sample: string): Promise<number> {
  const { root, json } = context;
  const configuration = loadConfiguration(root, context.io.env);
  const image = await imageFor(context, configuration);
  const tools = await openProject(context);
  await requireImage(tools, configuration, image);
  writeProject(root, createProject(root, configuration, image));
  const options = ['--sample', sample, ...(json ? ['--json'] : [])];
  return tools.attach('docker', composeArgs(root, 'run', '--rm', '--no-TTY', '--no-deps', 'waybill', 'check-upgrade', ...options));
}

function summary(context: Context, configuration: Configuration, reachable: boolean): string[] {
  const { flag } = context.root;
  const { apiUrl, listenUrl, cli } = configuration;
  const entrance = entranceOf(configuration);
  return [
    '',
    `  API          ${apiUrl}`,
    `  API docs     ${apiUrl}/docs`,
    `  Temporal UI  http://localhost:${cli.LOCAL_TEMPORAL_UI_PORT}, on this machine only`,
    `  to read what is in it, log in with the key at ${codecUrl(configuration)}/login`,
    `  the key      waybill ${flag}config printvalue ADMIN_API_KEY`,
    '',
    ...(reachable ? [] : [unreachable(context, configuration)]),
    ...(entrance.tls || ['127.0.0.1', '::1'].includes(entrance.address)
      ? []
      : [`${listenUrl} is plain HTTP: whoever is on the way can read the key; HOST with a public name brings TLS`]),
    `it runs in the background, also after a reboot; stop it with "waybill ${flag}local stop"`,
  ];
}

const unreachable = ({ root }: Context, configuration: Configuration): string =>
  entranceOf(configuration).tls
    ? `${configuration.listenUrl} does not answer here yet: its certificate can only be had when the name leads to this machine and ports 80 and 443 are open ("waybill ${root.flag}local logs caddy" says how far it is)`
    : `${configuration.listenUrl} does not answer here yet ("waybill ${root.flag}local logs caddy")`;

/** The tools, once it is sure that there is something to use them on. */
async function openProject(context: Context): Promise<Tools> {
  const { root } = context;
  if (!existsSync(composePath(root))) {
    throw new CommandError('not_found', `there are no containers of ${root.path} yet`, {
      fix: `make them with "waybill ${root.flag}local start --docker"`,
    });
  }
  const tools = createTools(context);
  await checkDocker(tools);
  return tools;
}

/** Containers, volumes and certificates stay; also a reboot starts nothing then. */
export async function stopDocker(context: Context): Promise<undefined> {
  await stopContainers(context);
  print(context, { stopped: !context.dryRun }, [
    context.dryRun ? 'would stop the containers' : 'stopped; the data stays, and "start" goes on where this was',
  ]);
}

async function stopContainers(context: Context): Promise<void> {
  await compose(context, await openProject(context), ['stop'], { timeoutMs: 300_000 });
}

export async function restartDocker(context: Context): Promise<undefined> {
  if (existsSync(composePath(context.root))) await stopContainers(context);
  return startDocker(context);
}

/** Exit code 6 unless everything that should run does, and is healthy. */
export async function showDockerStatus(context: Context): Promise<number> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const project = createProject(context.root, configuration, 'unused');
  const states = await serviceStates(context, await openProject(context));
  const services = Object.entries(project.services).map(([service, { restart }]) => {
    const found = states.find((one) => one.service === service);
    const isJob = restart === 'no';
    return { service, ok: isFine(found, isJob), is: describe(found, isJob) };
  });
  const ready = services.every(({ ok }) => ok);
  const { apiUrl, listenUrl } = configuration;
  const reachable = ready && (await readiness(listenUrl)).ready;
  print(
    context,
    { running: states.some(({ state }) => state === 'running'), ready, reachable, root: context.root.path, services, api: apiUrl },
    [
      ready
        ? 'running and ready'
        : `not ready: ${services
            .filter(({ ok }) => !ok)
            .map(({ service, is }) => `${service} ${is}`)
            .join(', ')}`,
      ...table(services.map(({ service, ok, is }) => [`  ${ok ? '✔' : '✖'} ${service}`, is])),
      `  API ${apiUrl}`,
      ...(ready && !reachable ? [unreachable(context, configuration)] : []),
    ],
  );
  return ready ? 0 : 6;
}

const isFine = (found: ServiceState | undefined, isJob: boolean): boolean =>
  isJob
    ? found?.state === 'exited' && found.exitCode === 0
    : found?.state === 'running' && (found.health === 'healthy' || found.health === '');

function describe(found: ServiceState | undefined, isJob: boolean): string {
  if (!found) return 'is not there';
  if (found.state === 'exited') return found.exitCode !== 0 ? `ended with ${found.exitCode}` : isJob ? 'is done' : 'is stopped';
  return found.health === '' || found.state !== 'running' ? `is ${found.state}` : `is ${found.health}`;
}

export async function showDockerLogs(
  context: Context,
  service: string | undefined,
  options: { follow?: boolean; lines: string },
): Promise<number> {
  const names = Object.keys(createProject(context.root, loadConfiguration(context.root, context.io.env), 'unused').services);
  if (service !== undefined && !names.includes(service)) {
    const near = nearest(service, names);
    throw new CommandError('invalid', `there is no container "${service}"${near ? `; did you mean ${near}?` : ''}`, {
      fix: `choose one of ${names.join(', ')}`,
    });
  }
  const tools = await openProject(context);
  const args = ['logs', '--tail', options.lines, ...(options.follow ? ['--follow'] : []), ...(service === undefined ? [] : [service])];
  const code = await tools.attach('docker', composeArgs(context.root, ...args));
  return code === 130 ? 0 : code;
}

/** Throws for what only an installation without Docker can do. */
export function refuseInDocker(context: Context, what: string, fix: string): void {
  if (usesDocker(context)) throw new CommandError('unsupported', `${context.root.path} runs in Docker, where ${what}`, { fix });
}
