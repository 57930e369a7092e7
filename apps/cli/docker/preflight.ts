import { existsSync } from 'node:fs';
import type { Configuration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { lastLines, requireTool, type Tools } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import { type Listener, tryToListen } from '../local/preflight.ts';
import { liveRunState } from '../local/run-file.ts';
import type { Root } from '../root.ts';
import { isRunning, type ServiceState } from './compose.ts';
import type { Entrance } from './entrance.ts';
import { projectName } from './project.ts';

/** Throws a sentence unless containers are a way to run what this root folder holds. */
export function checkRoot({ root }: Context, configuration: Configuration): void {
  const state = liveRunState(root);
  if (state) {
    throw new CommandError('conflict', `waybill runs in ${root.path} without Docker (pid ${state.supervisor.pid})`, {
      fix: `stop it with "waybill ${root.flag}local stop", and choose another root folder for Docker: -r FOLDER`,
    });
  }
  if (existsSync(root.postgresData)) {
    throw new CommandError('conflict', `${root.postgresData} is the data of an installation without Docker, which containers do not see`, {
      fix: 'choose another root folder for Docker: -r FOLDER',
    });
  }
  for (const key of ['DATABASE_URL', 'TEMPORAL_ADDRESS']) {
    if (!configuration.chosen(key)) continue;
    throw new CommandError('unsupported', `${key} is set, but the containers bring PostgreSQL and Temporal of their own`, {
      fix: `take it back ("waybill ${root.flag}config save -U ${key}", or unset it in the environment), or start without --docker`,
    });
  }
}

/** Throws a sentence unless there is a Docker with Compose, and its daemon answers. */
export async function checkDocker(tools: Tools): Promise<void> {
  await requireTool(tools, 'docker');
  const compose = await tools.read('docker', ['compose', 'version', '--short'], { accept: 'any' });
  const [major, minor] = (/(\d+)\.(\d+)/.exec(compose.stdout) ?? []).slice(1).map(Number);
  if (compose.code !== 0 || major === undefined || minor === undefined) {
    throw new CommandError('not_found', 'Docker has no plugin "compose" here', { fix: installCompose });
  }
  if (major < 2 || (major === 2 && minor < 20)) {
    throw new CommandError('unsupported', `Docker Compose ${compose.stdout.trim()} is too old; 2.20 is needed`, { fix: installCompose });
  }
  const daemon = await tools.read('docker', ['version', '--format', '{{.Server.Version}}'], { accept: 'any', timeoutMs: 30_000 });
  if (daemon.code === 0) return;
  if (/permission denied/i.test(daemon.stderr)) {
    throw new CommandError('forbidden', 'you may not use the Docker daemon of this machine', {
      fix: 'run this as root, or join its group: sudo usermod -aG docker $USER, then log in again',
    });
  }
  if (/cannot connect|is the docker daemon running|connection refused|no such file/i.test(daemon.stderr)) {
    throw new CommandError('unavailable', 'the Docker daemon does not run', {
      fix: 'start it with "sudo systemctl enable --now docker", or open Docker Desktop',
    });
  }
  throw new CommandError('unavailable', `the Docker daemon does not answer: ${lastLines(daemon.stderr)}`, {
    fix: '"docker version" must show a server; correct what it says',
  });
}

const installCompose = 'install docker-compose-plugin 2.20 or newer (https://docs.docker.com/compose/install/linux)';

/** Every port that the containers publish, with whose it is, and the setting that moves it if there is one. */
export function publishedPorts(entrance: Entrance, configuration: Configuration): (Listener & { service: string })[] {
  const loopback = { host: '127.0.0.1' };
  return [
    ...(entrance.tls
      ? [80, 443].map((port) => ({ service: 'caddy', key: '', host: '0.0.0.0', port }))
      : [{ service: 'caddy', key: 'PORT', host: entrance.address, port: entrance.port }]),
    { service: 'waybill', key: 'CODEC_PORT', ...loopback, port: Number(configuration.text('CODEC_PORT')) },
    { service: 'temporal-ui', key: 'LOCAL_TEMPORAL_UI_PORT', ...loopback, port: configuration.cli.LOCAL_TEMPORAL_UI_PORT },
  ];
}

/** Throws a sentence when a port is somebody else's. One that our own container holds is fine. */
export async function checkPorts(ports: ReturnType<typeof publishedPorts>, states: readonly ServiceState[]): Promise<void> {
  for (const { service, key, host, port } of ports) {
    if (isRunning(states, service)) continue;
    const error = await tryToListen({ host, port });
    if (!error || error.code === 'EACCES') continue; // the daemon may listen where this user may not
    if (error.code !== 'EADDRINUSE') {
      throw new CommandError('invalid', `port ${port} cannot be listened on at ${host}: ${error.message}`, {
        fix: 'HOST must be a public name, or an address that this machine has itself',
      });
    }
    throw new CommandError('conflict', `port ${port}${key ? ` (${key})` : ''} is taken by another program`, {
      fix: key
        ? `stop what uses it, or choose another: waybill config save -s ${key}=NUMBER`
        : `stop what uses it ("ss -ltnp 'sport = :${port}'" names it): certificates for HOST are had over ports 80 and 443 only`,
    });
  }
}

/** Throws when the volumes are there and the secrets that open them are not. */
export async function checkSecrets(tools: Tools, root: Root): Promise<void> {
  if (existsSync(root.secrets)) return;
  const name = `${projectName(root)}_postgres`;
  const { code } = await tools.read('docker', ['volume', 'inspect', '--format', '{{.Name}}', name], { accept: 'any' });
  if (code !== 0) return;
  throw new CommandError('conflict', `${root.secrets} is gone, but the volume ${name} holds data that needs it`, {
    fix: `put the file back from a backup, or start anew by deleting the volume: docker volume rm ${name}`,
  });
}
