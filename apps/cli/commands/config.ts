import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type Configuration, knownSetting, knownSettings, loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print, table } from '../context.ts';
import { examples } from '../examples.ts';
import { CommandError } from '../failure.ts';
import { budgetAdvice, budgetOf, describeBudget } from '../k8s/budgets.ts';
import { edit } from '../k8s/edit.ts';
import { parseEnvironment } from '../k8s/releases.ts';
import { renderCommand } from '../k8s/render-command.ts';
import { writeChoices } from '../save-choices.ts';
import { readSecrets } from '../secrets.ts';

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

export function addConfig(program: Command, act: Act): void {
  const config = program.command('config').description('read and change the configuration');
  config
    .command('save')
    .description('change settings in config.yml, which holds only what you changed')
    .option('-s, --set <KEY=VALUE>', 'set a value (repeatable)', collect)
    .option('-U, --unset <KEY>', 'go back to the default (repeatable)', collect)
    .addHelpText('after', examples('waybill config save -s PORT=3001', 'waybill config save -U PORT -s HOST=0.0.0.0'))
    .action(act(save));
  config
    .command('printroot')
    .description('print the root folder')
    .addHelpText('after', examples('cd $(waybill config printroot)'))
    .action(act((context) => print(context, { root: context.root.path }, [context.root.path])));
  config
    .command('printvalue')
    .argument('<KEY>', 'name of a setting')
    .option('-e, --env <environment>', 'a secret of this environment of the cluster')
    .description('print the value that applies, and nothing else (secrets too)')
    .addHelpText('after', examples('waybill config printvalue API_URL', 'waybill config printvalue ADMIN_API_KEY'))
    .action(act(printValue));
  config
    .command('list')
    .description('print every setting, its value and where it comes from (secrets hidden)')
    .addHelpText('after', examples('waybill config list', 'waybill config list --json'))
    .action(act(list));
  config
    .command('check')
    .description('check files and environment; warn of what is legal but unwise; show what an installation in a cluster takes')
    .addHelpText('after', examples('waybill config check'))
    .action(act(check));
  config
    .command('render')
    .option('-e, --env <environment>', 'staging or prod', 'prod')
    .description('write what is installed in a cluster, as values and plain manifests')
    .addHelpText('after', examples('waybill config render', 'kubectl apply --server-side -k $(waybill config printroot)'))
    .action(act(renderCommand));
  config
    .command('edit')
    .argument('[what]', 'config, kustomization, or the values of platform, monitoring, waybill', 'config')
    .description('open a file of yours in $EDITOR, made from a template where it is missing')
    .addHelpText('after', examples('waybill config edit', 'waybill config edit kustomization', 'waybill config edit waybill'))
    .action(act(edit));
}

function save(context: Context, options: { set?: string[]; unset?: string[] }): undefined {
  const changes: { key: string; value: string | undefined }[] = [
    ...(options.set ?? []).map(parseAssignment),
    ...(options.unset ?? []).map((key) => ({ key, value: undefined })),
  ];
  if (changes.length === 0) {
    throw new CommandError('invalid', 'nothing to change was named', { fix: 'name it with -s KEY=VALUE or -U KEY' });
  }
  // A key that is in the file and is no setting (any more) can be taken out; only adding one is refused.
  for (const { key, value } of changes) if (value !== undefined) checkValue(context, key, value);
  if (!context.dryRun)
    writeChoices(
      context.root,
      changes.map(({ key, value }) => [key, value === undefined ? undefined : asScalar(value)]),
    );
  const lines = changes.map(({ key, value }) => (value === undefined ? `${key} is back at its default` : `${key} = ${value}`));
  print(context, { path: context.root.config, changed: changes.map(({ key, value }) => ({ key, value: value ?? null })) }, [
    ...lines,
    context.dryRun ? `would be written to ${context.root.config}` : `written to ${context.root.config}; "waybill local restart" applies it`,
  ]);
}

/** Numbers and truth values stand in the file without quotes, as a person writes them. */
function asScalar(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  return value !== '' && String(Number(value)) === value ? Number(value) : value;
}

function parseAssignment(text: string): { key: string; value: string } {
  const split = text.indexOf('=');
  if (split > 0) return { key: text.slice(0, split), value: text.slice(split + 1) };
  throw new CommandError('invalid', `"${text}" is not of the form KEY=VALUE`, { fix: 'write it as in -s PORT=3001' });
}

function checkValue(context: Context, key: string, value: string): void {
  const entry = knownSetting(key);
  if (entry.secret) {
    throw new CommandError('invalid', `${key} is a secret, and an argument can be seen by every user of this machine`, {
      fix: `write it into ${context.root.secrets}, or give it in the environment (${key} or ${key}_FILE)`,
    });
  }
  const parsed = entry.parse(value);
  if (!parsed.ok) throw new CommandError('invalid', `${key} must be ${parsed.expected}, not "${value}"`, { fix: 'choose such a value' });
}

function printValue(context: Context, key: string, options: { env?: string }): undefined {
  const entry = knownSetting(key);
  const ofStaging = entry.secret === true && options.env !== undefined && parseEnvironment(options.env) === 'staging';
  const value = ofStaging
    ? readSecrets(context.root, 'staging')[key]?.split('\n')[0]
    : loadConfiguration(context.root, context.io.env).text(key);
  if (value === undefined) {
    throw new CommandError('not_found', `${key} has no value in ${context.root.path}`, {
      fix: entry.secret
        ? 'it is generated by the first "waybill local start" (or "k8s quickstart"); is this the right root folder (-r)?'
        : `set it with "waybill config save -s ${key}=VALUE"`,
    });
  }
  print(context, { key, value }, [value]);
}

function list(context: Context): undefined {
  const configuration = loadConfiguration(context.root, context.io.env);
  const rows = Object.entries(knownSettings).map(([key, entry]) => {
    const text = configuration.text(key);
    return { key, value: entry.secret && text !== undefined ? '[secret]' : (text ?? null), origin: configuration.origin(key) ?? null };
  });
  print(context, { items: rows }, table(rows.map(({ key, value, origin }) => [key, value ?? '-', origin ?? 'not set'])));
}

function check(context: Context): undefined {
  const configuration = loadConfiguration(context.root, context.io.env);
  const budget = budgetOf(configuration);
  const warnings = [...adviceFor(context, configuration), ...(budget ? budgetAdvice(budget) : [])];
  print(context, { root: context.root.path, problems: [], warnings, budget: budget ?? null }, [
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(budget ? describeBudget(budget) : []),
    `the configuration in ${context.root.path} is valid`,
  ]);
}

/** Legal but unwise, with the reason. */
function adviceFor(context: Context, configuration: Configuration): string[] {
  const warnings: string[] = [];
  const host = configuration.text('HOST') ?? '127.0.0.1';
  if (!['127.0.0.1', '::1', 'localhost'].includes(host) && !configuration.listenUrl.startsWith('https:')) {
    warnings.push(`HOST is ${host}: other machines reach the API, and keys cross the network in plain text; put TLS in front of it`);
  }
  const pools = Object.keys(knownSettings).filter((key) => key.endsWith('_DATABASE_POOL'));
  const connections = pools.reduce((sum, key) => sum + Number(configuration.text(key) ?? 0), 0);
  if (connections > 80) {
    warnings.push(
      `the database pools add up to ${connections} connections, and PostgreSQL takes 100 unless told otherwise; lower some of them`,
    );
  }
  const secrets = statSync(context.root.secrets, { throwIfNoEntry: false });
  if (secrets && (secrets.mode & 0o077) !== 0) {
    warnings.push(`${context.root.secrets} can be read by other users of this machine; run chmod 600 on it`);
  }
  return warnings;
}
