import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CommandError } from './failure.ts';

/** The paths under the root folder, where one installation keeps everything it has. */
export type Root = {
  path: string;
  /** What a command line needs to mean this root folder: nothing for the usual one, else `-r FOLDER `. */
  flag: string;
  config: string;
  secrets: string;
  run: string;
  logs: string;
  cache: string;
  postgresData: string;
  temporalDb: string;
  /** Rendered for Kubernetes; can be deleted. */
  env: string;
  /** Secrets in the form kustomize reads; rendered from the secrets files. */
  envSecrets: string;
  /** The user's own values and kustomization; never written to, but for the first `config edit`. */
  envCustom: string;
  kustomization: string;
};

export const isRootUser = (): boolean => process.getuid?.() === 0;

/**
 * `-r`, else WAYBILL_ROOT, else the user's data folder. The root user gets /var/lib/waybill: PostgreSQL refuses to run as
 * root, and the user it runs as cannot reach a folder under /root.
 */
export function rootAt(options: { flag?: string; env: Record<string, string | undefined>; cwd: string }): Root {
  const chosen = options.flag ?? options.env['WAYBILL_ROOT'];
  const usual = defaultRoot(options.env);
  const path = chosen ? resolve(options.cwd, chosen) : usual;
  return {
    path,
    flag: path === usual ? '' : `-r ${path} `,
    config: join(path, 'config.yml'),
    secrets: join(path, 'secrets.yml'),
    run: join(path, 'run.json'),
    logs: join(path, 'logs'),
    cache: join(path, 'cache'),
    postgresData: join(path, 'data', 'postgres'),
    temporalDb: join(path, 'data', 'temporal', 'temporal.db'),
    env: join(path, 'env'),
    envSecrets: join(path, 'env-secrets'),
    envCustom: join(path, 'env-custom'),
    kustomization: join(path, 'kustomization.yaml'),
  };
}

function defaultRoot(env: Record<string, string | undefined>): string {
  if (isRootUser()) return '/var/lib/waybill';
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), 'waybill');
}

/** Makes the root folder and the folders in it. Throws what to do when that cannot be. */
export function createRoot(root: Root): void {
  // The PostgreSQL user must be able to pass through when we are root; what is secret in here is a 0600 file.
  const mode = isRootUser() ? 0o755 : 0o700;
  try {
    mkdirSync(root.path, { recursive: true, mode });
    accessSync(root.path, constants.W_OK | constants.X_OK);
    for (const folder of [root.logs, root.cache, dirname(root.postgresData), dirname(root.temporalDb)]) {
      mkdirSync(folder, { recursive: true, mode });
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError('forbidden', `the root folder ${root.path} cannot be used: ${reason}`, {
      fix: 'make it writable for you, or choose another with -r FOLDER or WAYBILL_ROOT',
      cause,
    });
  }
}

/** The first folder on the way to `path` that other users cannot pass through, if there is one. */
export function closedTo(path: string): string | undefined {
  const parent = dirname(path);
  if (parent !== path) {
    const above = closedTo(parent);
    if (above) return above;
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() && (stat.mode & 0o001) === 0 ? path : undefined;
}
