import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { nativeFolder } from '@waybill/embedded/postgres-files';
import { locateTemporal } from '@waybill/embedded/temporal-binary';
import type { Command } from 'commander';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print } from '../context.ts';
import { examples } from '../examples.ts';
import { createTools, toolNames, toolUses, versionOf } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import { freeMegabytes, listeners, whyNotFree } from '../local/preflight.ts';
import { liveRunState } from '../local/run-file.ts';
import { closedTo, isRootUser, type Root } from '../root.ts';

type Finding = { name: string; state: 'ok' | 'note' | 'missing'; found: string; fix?: string };

export function addDoctor(program: Command, act: Act): void {
  program
    .command('doctor')
    .description('say what is missing on this machine, and how to get it')
    .addHelpText('after', examples('waybill doctor', 'waybill doctor --json'))
    .action(act(doctor));
}

const signs = { ok: '✔', note: '•', missing: '✖' };

async function doctor(context: Context): Promise<number> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const findings: Finding[] = [
    node(),
    ...(await temporal(context, configuration)),
    ...postgres(context.root, configuration),
    rootFolder(context.root),
    disk(context.root, configuration),
    memory(),
    ...(await ports(context.root, configuration)),
    ...(await clusterTools(context)),
  ];
  const ok = findings.every(({ state }) => state !== 'missing');
  print(context, { ok, findings }, [
    ...findings.flatMap(({ name, state, found, fix }) => [
      `${signs[state]} ${name}: ${found}`,
      ...(fix ? [`    how to get it: ${fix}`] : []),
    ]),
    ok ? 'nothing is missing' : 'something is missing: see ✖ above',
  ]);
  return ok ? 0 : 6;
}

function node(): Finding {
  const good = Number(process.versions.node.split('.')[0]) >= 24;
  return good
    ? { name: 'Node', state: 'ok', found: `${process.version} at ${process.execPath}` }
    : {
        name: 'Node',
        state: 'missing',
        found: `${process.version} is too old`,
        fix: 'run "npm ci", which installs Node 24 for this project alone',
      };
}

async function temporal(context: Context, configuration: Configuration): Promise<Finding[]> {
  if (configuration.chosen('TEMPORAL_ADDRESS')) {
    return [{ name: 'Temporal', state: 'ok', found: `your own at ${configuration.text('TEMPORAL_ADDRESS')} (TEMPORAL_ADDRESS)` }];
  }
  const { path, problems } = await locateTemporal({ cacheDir: context.root.cache, environment: context.io.env }).catch((error: Error) => ({
    path: undefined,
    problems: [error.message], // TEMPORAL_CLI names one that does not work, and then no other is looked for
  }));
  if (path) return [{ name: 'Temporal', state: 'ok', found: path }];
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  const hasGo = go.status === 0;
  const chosen = Boolean(context.io.env['TEMPORAL_CLI']);
  return [
    {
      name: 'Temporal',
      state: hasGo && !chosen ? 'note' : 'missing',
      found: problems.length > 0 ? problems.join('; ') : 'no temporal binary was found',
      fix: chosen
        ? 'set TEMPORAL_CLI to a temporal binary that works, or unset it'
        : hasGo
          ? 'nothing to do: the first start downloads it or builds it with Go, which takes some minutes'
          : 'install it from https://docs.temporal.io/cli, or install Go (https://go.dev/dl) so that it can be built, or set TEMPORAL_CLI',
    },
    { name: 'Go', state: 'note', found: hasGo ? go.stdout.trim() : 'not installed; needed only to build the temporal binary' },
  ];
}

function postgres(root: Root, configuration: Configuration): Finding[] {
  const name = 'PostgreSQL';
  if (configuration.chosen('DATABASE_URL')) return [{ name, state: 'ok', found: 'your own (DATABASE_URL)' }];
  const findings: Finding[] = [];
  try {
    findings.push({ name, state: 'ok', found: `embedded, in ${nativeFolder()}` });
  } catch (error) {
    findings.push({
      name,
      state: 'missing',
      found: error instanceof Error ? error.message : String(error),
      fix: 'run "npm ci" without --omit=optional, or set DATABASE_URL to a server of your own',
    });
  }
  if (isRootUser()) findings.push(postgresUser(root));
  return findings;
}

/** PostgreSQL refuses to run as root, so it needs a user that can reach its data. */
function postgresUser(root: Root): Finding {
  const name = 'PostgreSQL user';
  const closed = closedTo(root.path);
  if (closed) {
    return {
      name,
      state: 'note',
      found: `${closed} is closed to other users, and PostgreSQL does not run as root`,
      fix: `chmod o+x ${closed}, or choose a root folder elsewhere with -r FOLDER`,
    };
  }
  const exists = spawnSync('id', ['-u', 'postgres'], { encoding: 'utf8' }).status === 0;
  return { name, state: 'ok', found: exists ? 'postgres' : 'none yet; the first start adds the system user postgres' };
}

/** What only a cluster needs: a note at most, since this machine alone does without. */
async function clusterTools(context: Context): Promise<Finding[]> {
  const tools = createTools({ ...context, io: { ...context.io, err: () => {} } }); // looking is nothing to announce
  return Promise.all(
    toolNames.map(async (name): Promise<Finding> => {
      const use = toolUses[name];
      try {
        const { text, ok, needed, fix } = await versionOf(tools, name);
        return ok
          ? { name, state: 'ok', found: text }
          : { name, state: 'note', found: `${text}, and ${use} needs ${needed} or newer`, fix };
      } catch (error) {
        const fix = error instanceof CommandError ? error.fix : undefined;
        return { name, state: 'note', found: `not found; ${use} needs it`, ...(fix && { fix }) };
      }
    }),
  );
}

function rootFolder({ path }: Root): Finding {
  const name = 'root folder';
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (!statSync(folder).isDirectory()) throw new Error('not a folder');
    return { name, state: 'ok', found: folder === path ? path : `${path} (made by the first start)` };
  } catch {
    return {
      name,
      state: 'missing',
      found: `${folder} cannot be written to`,
      fix: 'make it writable for you, or choose another with -r FOLDER',
    };
  }
}

function disk(root: Root, configuration: Configuration): Finding {
  const free = freeMegabytes(root);
  const needed = configuration.cli.LOCAL_MIN_DISK_MB;
  if (free >= needed) return { name: 'disk', state: 'ok', found: `${free} MB free` };
  return {
    name: 'disk',
    state: 'missing',
    found: `${free} MB free, ${needed} MB are needed`,
    fix: 'free some space, or choose a root folder on another disk',
  };
}

function memory(): Finding {
  const megabytes = Math.floor(totalmem() / 1_048_576);
  if (megabytes >= 1_500) return { name: 'memory', state: 'ok', found: `${megabytes} MB` };
  return { name: 'memory', state: 'note', found: `${megabytes} MB; everything on one machine is comfortable from 1500 MB` };
}

async function ports(root: Root, configuration: Configuration): Promise<Finding[]> {
  if (configuration.cli.LOCAL_DOCKER) {
    return [{ name: 'ports', state: 'note', found: `those of containers; "waybill ${root.flag}local status" says what runs` }];
  }
  if (liveRunState(root)) return [{ name: 'ports', state: 'ok', found: 'in use by this installation, which is running' }];
  const findings: Finding[] = [];
  for (const listener of listeners(configuration)) {
    const { key, port } = listener;
    const reason = await whyNotFree(listener);
    findings.push(
      reason
        ? { name: `port ${port}`, state: 'missing', found: reason, fix: `stop what uses it, or: waybill config save -s ${key}=NUMBER` }
        : { name: `port ${port}`, state: 'ok', found: `free (${key})` },
    );
  }
  return findings;
}
