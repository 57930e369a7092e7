import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Context, print, printCommand } from '../context.ts';
import { printFailure } from '../failure.ts';
import { createRoot } from '../root.ts';
import { codecUrl, temporalUiUrl } from './installation.ts';
import { openLog } from './log-files.ts';
import { runLocal } from './run-local.ts';

const cliMain = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Set in the environment of the process in the background: it reports to the one that started it, by IPC. */
const reportsKey = 'WAYBILL_REPORTS';

type Report = { line: string } | { error: string } | { ready: true };

/** In the foreground; or, started by `startDetached`, in the background. */
export async function start(context: Context): Promise<number> {
  if (context.dryRun) return showPlan(context);
  if (context.io.env[reportsKey] !== '1' || !process.send) {
    return runLocal(context, {
      ready: async (configuration) => {
        print(context, { running: true, pid: process.pid, api: configuration.apiUrl }, summary(context, configuration));
      },
      bound: () => true,
    });
  }
  return startReporting(context);
}

async function startReporting(context: Context): Promise<number> {
  let bound = true;
  const tell = (report: Report) => {
    if (bound && process.connected) process.send?.(report);
  };
  const io = {
    ...context.io,
    out(line: string) {
      context.io.out(`${new Date().toISOString()} ${line}`);
      tell({ line });
    },
    err(line: string) {
      context.io.err(`${new Date().toISOString()} ${line}`);
      tell({ error: line });
    },
  };
  try {
    return await runLocal(
      { ...context, io },
      {
        async ready() {
          tell({ ready: true });
          bound = false;
        },
        // Until everything runs, Ctrl-C in the terminal that waits for it ends it; afterwards it is on its own.
        bound: () => bound,
      },
    );
  } catch (error) {
    return printFailure(error, io, context.json);
  }
}

/** Starts a supervisor in a session of its own, shows its progress, and returns when everything is ready. */
export async function startDetached(context: Context): Promise<number> {
  if (context.dryRun) return showPlan(context);
  const { root, io } = context;
  createRoot(root);
  loadConfiguration(root, io.env);
  const log = openLog(root, 'supervisor');
  const command = [process.execPath, cliMain, '-r', root.path, ...(context.json ? ['--json'] : []), 'local', 'start'] as const;
  printCommand(context, command);
  const child = spawn(command[0], command.slice(1), {
    cwd: root.path,
    env: { ...io.env, [reportsKey]: '1' },
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    detached: true,
  });
  closeSync(log.fd);
  const forget = io.onStop(() => child.kill('SIGTERM'));
  try {
    const code = await new Promise<number | 'ready'>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exit, signal) => resolve(exit ?? (signal ? 1 : 0)));
      child.on('message', (report: Report) => {
        if ('ready' in report) resolve('ready');
        else if ('error' in report) io.err(report.error);
        else if (!context.json) io.out(report.line);
      });
    });
    if (code !== 'ready') return code;
  } finally {
    forget();
  }
  child.removeAllListeners('message');
  child.disconnect();
  child.unref();
  const configuration = loadConfiguration(root, io.env);
  print(context, { running: true, pid: child.pid, api: configuration.apiUrl }, [
    ...summary(context, configuration),
    `it runs in the background (pid ${child.pid}); stop it with "waybill ${root.flag}local stop"`,
  ]);
  return 0;
}

function showPlan(context: Context): number {
  const configuration = loadConfiguration(context.root, context.io.env);
  const parts = [
    ...(configuration.chosen('DATABASE_URL') ? [] : [`PostgreSQL on port ${configuration.cli.LOCAL_POSTGRES_PORT}`]),
    ...(configuration.chosen('TEMPORAL_ADDRESS') ? [] : [`Temporal on port ${configuration.cli.LOCAL_TEMPORAL_PORT}`]),
    `the server at ${configuration.listenUrl}`,
  ];
  print(context, { would: 'start', parts, root: context.root.path }, [
    `would start in ${context.root.path}:`,
    ...parts.map((part) => `  ${part}`),
  ]);
  return 0;
}

/** Where everything is. */
export function summary(context: Context, configuration: Configuration): string[] {
  const ui = temporalUiUrl(configuration);
  return [
    '',
    `  API          ${configuration.apiUrl}`,
    `  API docs     ${configuration.apiUrl}/docs`,
    ...(ui ? [`  Temporal UI  ${ui}`, `  to read what is in it, log in with the key at ${codecUrl(configuration)}/login`] : []),
    `  the key      npx waybill ${context.root.flag}config printvalue ADMIN_API_KEY`,
    '',
  ];
}
