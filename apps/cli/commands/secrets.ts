import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Act, type Context, print, table } from '../context.ts';
import { examples } from '../examples.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { adoptSecrets } from '../k8s/adopt.ts';
import { parseEnvironment } from '../k8s/releases.ts';
import { retireInCluster, rotateInCluster } from '../k8s/rotate.ts';
import { openSession } from '../k8s/session.ts';
import { createRoot } from '../root.ts';
import { introduce, promote, readProgress, retire, rotatingSecret, valuesIn, writeProgress } from '../secret-rotation.ts';
import { generateSecrets, readSecrets, secretsPath, writeSecrets } from '../secrets.ts';
import { inEnvironment } from './k8s.ts';

export function addSecrets(program: Command, act: Act): void {
  const secrets = program.command('secrets').description('make, name and exchange the secrets of an installation');
  inEnvironment(secrets.command('generate'))
    .option('--adopt', 'first take over what the cluster has')
    .description('make what is missing into the root folder, once; what is there stays')
    .addHelpText('after', examples('waybill secrets generate -I', 'waybill secrets generate -e staging'))
    .action(act(generate));
  inEnvironment(secrets.command('list'))
    .description('print the names of the secrets there are, and of how many values each is at the moment')
    .addHelpText('after', examples('waybill secrets list', 'waybill secrets list -e staging --json'))
    .action(act(list));
  inEnvironment(
    secrets.command('rotate').argument('[NAME]', 'such as ENCRYPTION_KEYS or ORDERS_DATABASE_PASSWORD; asked for when left out'),
  )
    .option('--retire', 'take out old values that were kept, once nothing needs them')
    .option('--local', 'of this machine’s installation: the file only, and a restart applies it')
    .option('--settle <seconds>', 'how long pods may take to read a changed Secret', '30')
    .description('exchange a secret without a pause: introduce a new value, use it, take the old one out')
    .addHelpText(
      'after',
      examples(
        'waybill secrets rotate SERVICE_TOKEN_KEYS',
        'waybill secrets rotate ENCRYPTION_KEYS',
        'waybill secrets rotate ENCRYPTION_KEYS --retire',
      ),
    )
    .action(act(rotate));
}

async function generate(context: Context, options: { env?: string; adopt?: boolean }): Promise<undefined> {
  const environment = parseEnvironment(options.env ?? 'prod');
  const path = secretsPath(context.root, environment);
  if (context.dryRun) return print(context, { path, made: [] }, [`would make what is missing in ${path}`]);
  createRoot(context.root);
  const adopted = options.adopt ? await adoptSecrets(openSession(context, options)) : [];
  if (context.interactive) await askForOwn(context);
  const made = (environment === 'staging' ? (['cluster', 'staging'] as const) : (['cluster'] as const)).flatMap((use) =>
    generateSecrets(context.root, use),
  );
  print(context, { path, adopted, made }, [
    ...(adopted.length > 0 ? [`taken over from the cluster: ${adopted.join(', ')}`] : []),
    made.length > 0 ? `made: ${made.join(', ')}` : 'every secret was there already',
    `they are kept in ${path}; back it up: without it the data cannot be read`,
  ]);
}

/** Passwords that people type are theirs to choose. */
async function askForOwn(context: Context): Promise<void> {
  if (readSecrets(context.root, 'prod')['GRAFANA_ADMIN_PASSWORD'] !== undefined) return;
  const clack = await import('@clack/prompts');
  const answer = await clack.password({ message: 'Password of Grafana’s administrator (empty: one is made)' });
  if (clack.isCancel(answer)) throw new Interrupted();
  if (answer) writeSecrets(context.root, 'prod', { GRAFANA_ADMIN_PASSWORD: answer });
}

function list(context: Context, options: { env?: string }): undefined {
  const environment = parseEnvironment(options.env ?? 'prod');
  const path = secretsPath(context.root, environment);
  if (!existsSync(path)) {
    throw new CommandError('not_found', `there are no secrets in ${path}`, {
      fix: `make them with "waybill secrets generate -e ${environment}"`,
    });
  }
  const items = Object.entries(readSecrets(context.root, environment)).map(([name, text]) => {
    const values = countValues(name, text);
    const progress = readProgress(context.root, environment, name);
    return { name, values, rotation: progress ? `${progress.step} ${progress.at}` : null };
  });
  print(
    context,
    { path, items },
    table(items.map(({ name, values, rotation }) => [name, values > 1 ? `${values} values` : '', rotation ?? ''])),
  );
}

function countValues(name: string, text: string): number {
  try {
    return valuesIn(text, rotatingSecret(name));
  } catch {
    return 1; // one that this command does not rotate
  }
}

type RotateOptions = { env?: string; retire?: boolean; local?: boolean; settle: string };

async function rotate(context: Context, given: string | undefined, options: RotateOptions): Promise<undefined> {
  const environment = parseEnvironment(options.env ?? 'prod');
  const name = given ?? (await askName(context, environment));
  rotatingSecret(name);
  if (options.local && options.retire)
    throw new CommandError('unsupported', '--retire is for a cluster, where it looks first whether anything still needs the old key', {
      fix: `on one machine the old key may stay; or take it out of ${name} in ${context.root.secrets} by hand, as docs/operate.md says`,
    });
  if (options.local) return rotateLocally(context, name);
  const settleMs = Number(options.settle) * 1_000;
  if (!(settleMs >= 0))
    throw new CommandError('invalid', `--settle ${options.settle}: it must be a number of seconds`, { fix: 'write it as --settle 30' });
  const session = openSession(context, options);
  if (session.configuration.cli.K8S_SECRETS === 'external') {
    throw new CommandError(
      'unsupported',
      `the Secrets of ${environment} are somebody else's (K8S_SECRETS=external), so ${name} is not exchanged here`,
      {
        fix: 'exchange it where it is kept, in three steps that each reach all pods before the next: docs/kubernetes.md, "External Secrets"',
      },
    );
  }
  if (options.retire) {
    await retireInCluster(session, name, settleMs);
    const words = context.dryRun ? 'would have one value again' : 'has one value again';
    return print(context, { name, environment, state: 'done' }, [`${name} of ${environment} ${words}`]);
  }
  if (context.dryRun)
    return print(context, { name, environment, changed: false }, [
      `would introduce a new value of ${name} in ${environment}, put it first, and take the old one out when nothing needs it`,
    ]);
  const state = await rotateInCluster(session, name, settleMs);
  const later = `the old one is kept; take it out later with "waybill ${context.root.flag}secrets rotate ${name} -e ${environment} --retire"`;
  print(context, { name, environment, state }, [
    state === 'done' ? `${name} of ${environment} is exchanged` : `the new ${name} of ${environment} is in use; ${later}`,
  ]);
}

async function askName(context: Context, environment: string): Promise<string> {
  if (!context.interactive) {
    throw new CommandError('invalid', 'which secret to rotate was not named, and nobody can be asked here', {
      fix: 'name one; "waybill secrets list" shows them',
    });
  }
  const names = Object.keys(readSecrets(context.root, environment)).filter((name) => canRotate(name));
  const clack = await import('@clack/prompts');
  const answer = await clack.select({ message: 'Which secret?', options: names.map((name) => ({ value: name, label: name })) });
  if (clack.isCancel(answer)) throw new Interrupted();
  return answer;
}

function canRotate(name: string): boolean {
  try {
    return rotatingSecret(name) !== undefined;
  } catch {
    return false;
  }
}

/** One process reads the file when it starts, so the steps need no waiting; what is sealed in Temporal keeps its old key. */
function rotateLocally(context: Context, name: string): undefined {
  const { root } = context;
  const kind = rotatingSecret(name);
  const text = readSecrets(root, 'prod')[name];
  if (text === undefined)
    throw new CommandError('not_found', `there is no ${name} in ${root.secrets}`, {
      fix: 'it is generated by the first "waybill local start"',
    });
  const next = promote(introduce(text, kind), kind);
  if (!context.dryRun) {
    writeSecrets(root, 'prod', { [name]: name === 'ENCRYPTION_KEYS' ? next : retire(next, kind) });
    writeProgress(root, 'prod', name, name === 'ENCRYPTION_KEYS' ? { step: 'promoted', at: new Date().toISOString() } : undefined);
  }
  print(context, { name, changed: !context.dryRun }, [
    context.dryRun
      ? `would exchange ${name} in ${root.secrets}`
      : `${name} is exchanged in ${root.secrets}; "waybill ${root.flag}local restart" applies it`,
  ]);
}
