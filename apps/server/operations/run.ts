import type { SettingsSources } from '@waybill/kernel/config';
import { exitCodeOf, WaybillError } from '@waybill/kernel/errors';
import { linesOf as buildLines, makeCurrent, reportBuilds } from './builds.ts';
import { loadOperationSettings, openOperationRing, withTemporal, workflowCacheDirOf } from './settings.ts';

export type OperationOptions = { json?: boolean; sample?: string; recorded?: string; service?: string; wait?: string };

type Operation = (sources: SettingsSources, options: OperationOptions, names: readonly string[]) => Promise<Result>;
/** Data for a program, lines for a person. */
type Result = { data: unknown; lines: string[]; failed?: boolean };

const operations: Record<string, Operation> = { 'check-upgrade': check, builds, 'set-current': setCurrent };

/** A piece of work on what Temporal holds, run once. Undefined when it is none of these. */
export async function operate(
  command: string,
  sources: SettingsSources,
  options: OperationOptions = {},
  names: readonly string[] = [],
): Promise<Result | undefined> {
  return operations[command]?.(sources, options, names);
}

/** The same for a process of its own, with the exit code. */
export async function runOperation(...args: Parameters<typeof operate>): Promise<number | undefined> {
  const result = await operate(...args);
  if (!result) return undefined;
  process.stdout.write(`${args[2]?.json ? JSON.stringify(result.data, null, 2) : result.lines.join('\n')}\n`);
  return result.failed ? exitCodeOf('conflict') : 0;
}

async function check(sources: SettingsSources, options: OperationOptions): Promise<Result> {
  // With it comes the worker's part of the SDK, which no other process without a worker loads.
  const { breaking, checkUpgrade, linesOf } = await import('./check-upgrade.ts');
  const settings = loadOperationSettings(sources);
  const size = wholeNumber('--sample', options.sample ?? '200');
  const cacheDir = workflowCacheDirOf(sources);
  const ring = openOperationRing(settings);
  const report = await withTemporal(settings, (temporal) => checkUpgrade(temporal, { ring, size, cacheDir, recorded: options.recorded }));
  return { data: report, lines: linesOf(report), failed: breaking(report).length > 0 };
}

async function builds(sources: SettingsSources): Promise<Result> {
  const settings = loadOperationSettings(sources);
  const report = await withTemporal(settings, (temporal) => reportBuilds(temporal, settings.TEMPORAL_DEPLOYMENT_PREFIX));
  return { data: report, lines: buildLines(report) };
}

async function setCurrent(sources: SettingsSources, { service, wait = '60' }: OperationOptions, names: readonly string[]): Promise<Result> {
  const [build, ...more] = names;
  if (build === undefined || more.length > 0) throw new WaybillError('invalid', 'set-current takes the name of one build, or "none"');
  const settings = loadOperationSettings(sources);
  const options = {
    prefix: settings.TEMPORAL_DEPLOYMENT_PREFIX,
    buildId: build === 'none' ? undefined : build,
    service,
    timeoutMs: wholeNumber('--wait', wait) * 1_000,
  };
  const changed = await withTemporal(settings, (temporal) => makeCurrent(temporal, options));
  return {
    data: { buildId: options.buildId ?? null, changed },
    lines: changed.map(({ deployment, before }) => `${deployment}: ${build} is current, after ${before ?? 'none'}`),
  };
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new WaybillError('invalid', `${option} must be a whole number, not "${text}"`);
}
