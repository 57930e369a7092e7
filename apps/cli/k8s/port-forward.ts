import { type Context, print } from '../context.ts';
import { CommandError } from '../failure.ts';
import { secretCommand } from './cluster-secrets.ts';
import { type ForwardTo, keepForward } from './forward.ts';
import type { Environment } from './releases.ts';
import { openSession, type Session } from './session.ts';

export const doors = ['web', 'temporal-ui', 'codec-server', 'grafana'] as const;
type Door = (typeof doors)[number];

/** Fixed ports of this machine: the codec server's allowed origin and its cookie depend on them. */
const target = (door: Door, environment: Environment): ForwardTo & { localPort: number } => {
  switch (door) {
    case 'web':
      return { namespace: environment, target: 'service/gateway', port: 3000, localPort: 3000 };
    case 'temporal-ui':
      return { namespace: 'infra', target: 'service/temporal-ui', port: 8080, localPort: 8080 };
    case 'codec-server':
      return { namespace: environment, target: 'service/codec-server', port: 8089, localPort: 8089 };
    case 'grafana':
      return { namespace: 'monitoring', target: 'service/grafana', port: 3000, localPort: 3001 };
  }
};

/** Until Ctrl-C. */
export async function portForward(context: Context, name: string, options: { env?: string; port?: string }): Promise<number> {
  const session = openSession(context, options);
  const door = parseDoor(name);
  const chosen = Number(options.port ?? target(door, session.environment).localPort);
  const to = { ...target(door, session.environment), localPort: chosen };
  if (context.dryRun) {
    await session.tools.change('kubectl', ['port-forward', '--namespace', to.namespace, to.target, `${to.localPort}:${to.port}`]);
    return 0;
  }
  if (door === 'grafana') await requireGrafana(session);
  const stop = new AbortController();
  const forget = context.io.onStop(() => stop.abort());
  try {
    const { ended } = await keepForward(session, to, {
      signal: stop.signal,
      lost: () => context.io.err(`the pod behind ${door} has gone; looking for another`),
      back: () => context.io.err(`${door} answers again`),
    });
    const url = `http://localhost:${chosen}`;
    print(context, { door, url }, [`${door} is at ${url} until Ctrl-C`, ...hints(session, door)]);
    await ended;
    return 0;
  } finally {
    forget();
  }
}

function parseDoor(name: string): Door {
  for (const door of doors) if (door === name) return door;
  throw new CommandError('invalid', `there is no way to "${name}"`, { fix: `choose one of ${doors.join(', ')}` });
}

/** It is off unless asked for, and a forward to nothing would only say that nothing answered. */
async function requireGrafana({ tools, configuration }: Session): Promise<void> {
  if (!configuration.cli.K8S_MONITORING) {
    throw new CommandError('not_found', 'K8S_MONITORING is false, so the Grafana of this cluster is not ours', {
      fix: 'open it the way its own installation says, with the dashboards in deploy/dashboards; or "waybill config save -s K8S_MONITORING=true"',
    });
  }
  const args = ['get', 'service', 'grafana', '--namespace', 'monitoring', '--ignore-not-found', '--output', 'name'];
  if ((await tools.read('kubectl', args, { repeated: true })).stdout.trim() !== '') return;
  throw new CommandError('not_found', 'Grafana is off: there is no Service grafana in the namespace monitoring', {
    fix: 'write "grafana: { enabled: true }" with "waybill config edit monitoring", then "waybill k8s quickstart -l monitoring"; it takes 256 Mi',
  });
}

function hints(session: Session, door: Door): string[] {
  if (door === 'grafana') return [`user admin, password: ${secretCommand(session, 'GRAFANA_ADMIN_PASSWORD')}`];
  if (door === 'codec-server') return ['log in at /login with the API key, then set it as codec endpoint in the Temporal UI'];
  if (door !== 'web') return [];
  return [`the key: ${secretCommand(session, 'ADMIN_API_KEY')}`];
}
