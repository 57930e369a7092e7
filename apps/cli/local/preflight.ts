import { existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';

export type Listener = { key: string; host: string; port: number };

/** Every port a start takes, by the setting that moves it. */
export function listeners(configuration: Configuration): Listener[] {
  const { cli } = configuration;
  const host = configuration.text('HOST') ?? '127.0.0.1';
  const own = (key: string, fallback: string) => ({ key, host, port: Number(configuration.text(key) ?? fallback) });
  return [
    own('PORT', '3000'),
    own('CODEC_PORT', '8089'),
    ...(configuration.chosen('DATABASE_URL') ? [] : [{ key: 'LOCAL_POSTGRES_PORT', host: '127.0.0.1', port: cli.LOCAL_POSTGRES_PORT }]),
    ...(configuration.chosen('TEMPORAL_ADDRESS')
      ? []
      : [
          { key: 'LOCAL_TEMPORAL_PORT', host: '127.0.0.1', port: cli.LOCAL_TEMPORAL_PORT },
          { key: 'LOCAL_TEMPORAL_UI_PORT', host: '127.0.0.1', port: cli.LOCAL_TEMPORAL_UI_PORT },
        ]),
  ];
}

/** Undefined when the port can be listened on, else why not. */
export async function whyNotFree({ host, port }: Pick<Listener, 'host' | 'port'>): Promise<string | undefined> {
  const error = await tryToListen({ host, port });
  if (error?.code === 'EADDRINUSE') return 'is taken by another program';
  if (error?.code === 'EACCES') return 'needs more rights than you have';
  return error && `cannot be listened on at ${host}: ${error.message}`;
}

/** The error that listening there meets, if it meets one. */
export function tryToListen({ host, port }: Pick<Listener, 'host' | 'port'>): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

export async function portProblems(wanted: readonly Listener[]): Promise<string[]> {
  const problems: string[] = [];
  for (const listener of wanted) {
    const { key, port } = listener;
    const twin = wanted.find((other) => other.port === port && other.key !== key);
    if (port === 0) problems.push(`${key} is 0, so nobody would know the port`);
    else if (twin) problems.push(`${key} and ${twin.key} are both ${port}`);
    else {
      const reason = await whyNotFree(listener);
      if (reason) problems.push(`port ${port} (${key}) ${reason}`);
    }
  }
  return problems;
}

/** Free megabytes on the disk that holds the root folder, or will. */
export function freeMegabytes(root: Root): number {
  let folder = root.path;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1_048_576);
}

/** Everything that would stop a start half way, found before anything runs. */
export async function checkBeforeStart(root: Root, configuration: Configuration): Promise<void> {
  const free = freeMegabytes(root);
  if (free < configuration.cli.LOCAL_MIN_DISK_MB) {
    throw new CommandError(
      'unavailable',
      `the disk that holds ${root.path} is full: ${free} MB are free and ${configuration.cli.LOCAL_MIN_DISK_MB} MB are needed`,
      { fix: 'free some space, or choose a root folder on another disk with -r FOLDER' },
    );
  }
  const problems = await portProblems(listeners(configuration));
  if (problems.length > 0) {
    throw new CommandError('conflict', problems.join('; '), {
      fix: `stop what uses it, or choose another: waybill config save -s ${/\(([A-Z_]+)\)/.exec(problems[0] ?? '')?.[1] ?? 'PORT'}=NUMBER`,
    });
  }
}
