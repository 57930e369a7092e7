import type { Context } from '../context.ts';
import { lastLines, type Ran, type RunOptions, type Tools } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';
import { composePath } from './render.ts';

/** Docker Compose on the project of a root folder. */
export const composeArgs = (root: Root, ...args: readonly string[]): string[] => ['compose', '--file', composePath(root), ...args];

/** Runs what changes something: its progress is shown as it comes, its failure told with what the container said last. */
export async function compose(context: Context, tools: Tools, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const ran = await tools.change('docker', composeArgs(context.root, ...args), {
    onLine: (line) => context.io.err(`  ${line}`),
    ...options,
    accept: 'any',
  });
  if (ran.code !== 0) throw await explain(context, tools, ran, args[0] ?? '');
}

async function explain(context: Context, tools: Tools, ran: Ran, verb: string): Promise<CommandError> {
  const { flag } = context.root;
  const text = `${ran.stderr}\n${ran.stdout}`;
  const port = /Bind for \S+:(\d+) failed|exposing port TCP \S+:(\d+)|listen tcp\S* \S+:(\d+): bind/.exec(text);
  if (/port is already allocated|address already in use|ports are not available/i.test(text)) {
    const number = port?.slice(1).find((found) => found !== undefined);
    return new CommandError('conflict', `${number ? `port ${number}` : 'a port'} is taken by another program`, {
      fix: 'stop what uses it ("ss -ltnp" names it), and repeat this',
    });
  }
  const service = failedService(text);
  if (service !== undefined) {
    const said = await tools.read('docker', composeArgs(context.root, 'logs', '--no-color', '--no-log-prefix', '--tail', '5', service), {
      accept: 'any',
    });
    return new CommandError('unavailable', `${service} does not work: ${said.stdout.trim() || lastLines(text)}`, {
      fix: `"waybill ${flag}local logs ${service}" shows more; correct what it names, and repeat this`,
    });
  }
  if (/pull access denied|manifest unknown|failed to resolve reference|TLS handshake timeout|i\/o timeout|no such host/i.test(text)) {
    return new CommandError('unavailable', `an image cannot be fetched: ${lastLines(text)}`, {
      fix: 'this machine needs a way out to the registry that the message names; "docker pull" tries one by hand',
    });
  }
  return new CommandError('unavailable', `"docker compose ${verb}" failed: ${lastLines(text) || `it ended with ${ran.code}`}`, {
    fix: 'the command above can be run by hand to see more',
  });
}

/** The service that Compose blames: by the name of its container, or by its own. */
const failedService = (text: string): string | undefined =>
  /container (?:waybill-[0-9a-f]{8}-)?([a-z-]+?)-\d+ (?:is unhealthy|exited)/.exec(text)?.[1] ??
  /service "([a-z-]+)" didn't complete successfully/.exec(text)?.[1];

export type ServiceState = { service: string; state: string; health: string; exitCode: number };

/** What Compose knows of the project's containers; none when it was never started. */
export async function serviceStates(context: Context, tools: Tools): Promise<ServiceState[]> {
  const { stdout } = await tools.read('docker', composeArgs(context.root, 'ps', '--all', '--format', 'json'), { repeated: true });
  // One object a line, or in older versions one array.
  const rows: Row[] = stdout.startsWith('[') ? JSON.parse(stdout) : stdout.split('\n').filter(Boolean).map(parseRow);
  return rows.map(({ Service, State, Health, ExitCode }) => ({
    service: Service,
    state: State,
    health: Health ?? '',
    exitCode: ExitCode ?? 0,
  }));
}

type Row = { Service: string; State: string; Health?: string; ExitCode?: number };
const parseRow = (line: string): Row => JSON.parse(line);

export const isRunning = (states: readonly ServiceState[], service: string): boolean =>
  states.some((one) => one.service === service && one.state === 'running');
