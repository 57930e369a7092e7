import { type Context, print, table } from '../context.ts';
import { CommandError } from '../failure.ts';
import { entranceOf } from './entrance.ts';
import type { Finding } from './explain.ts';
import { findingsOf } from './observe.ts';
import { type Release, selectReleases } from './releases.ts';
import { openSession, type Session } from './session.ts';
import { waitForRelease } from './wait.ts';

export type SelectOptions = { env?: string; part?: string; selector?: string };

const signs = { ready: '✔', waiting: '…', failed: '✖', stopped: '○' };

/** Exit code 6 unless everything is ready. */
export async function status(context: Context, options: SelectOptions): Promise<number> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part);
  const entrance = options.selector === undefined ? await entranceOf(session) : undefined;
  const address = entrance?.address;
  const parts = await Promise.all(
    releases.map(async (release) => {
      const findings = await findingsOf(session, release, options.selector);
      return { release, findings: release.part === 'apps' ? [...findings, ...(entrance?.findings ?? [])] : findings };
    }),
  );
  const all = parts.flatMap(({ findings }) => findings);
  const ready = all.length > 0 && all.every(({ state }) => state === 'ready');
  const data = parts.map(({ release, findings }) => ({ release: release.name, namespace: release.namespace, items: findings }));
  print(context, { ready, address: address ?? null, releases: data }, [
    ...parts.flatMap(({ release, findings }) => describe(release, findings)),
    ...(address ? [`address: ${address}`] : []),
    ready ? 'everything is ready' : verdict(session, all),
  ]);
  return ready ? 0 : 6;
}

function describe(release: Release, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [`${release.name} (${release.namespace}): not installed`];
  const rows = table(
    findings.map(({ state, component, object, figure }) => [` ${signs[state]} ${component}`, object.split(' ')[0] ?? '', figure]),
  );
  return [
    `${release.name} (${release.namespace})`,
    ...rows.flatMap((row, index) => {
      const { reason, fix } = findings[index] ?? {};
      return [row, ...(reason ? [`     ${reason}`] : []), ...(reason && fix ? [`     how to fix: ${fix}`] : [])];
    }),
  ];
}

function verdict({ environment }: Session, findings: readonly Finding[]): string {
  const env = environment === 'prod' ? '' : ` -e ${environment}`;
  if (findings.length === 0) return `nothing is installed: waybill k8s quickstart${env}`;
  if (findings.every(({ state }) => state === 'ready' || state === 'stopped'))
    return `it is stopped; start it with "waybill k8s start${env}"`;
  return 'not everything is ready: see above';
}

export async function wait(context: Context, options: SelectOptions & { timeout?: string }): Promise<undefined> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part);
  const seconds = options.timeout === undefined ? undefined : Number(options.timeout);
  if (seconds !== undefined && !(seconds >= 0)) {
    throw new CommandError('invalid', `--timeout ${options.timeout}: it must be a number of seconds`, { fix: 'write it as --timeout 300' });
  }
  for (const release of releases) {
    await waitForRelease(session, release, {
      ...(options.selector !== undefined && { selector: options.selector }),
      ...(seconds !== undefined && { timeoutMs: seconds * 1_000 }),
    });
  }
  print(context, { ready: true }, ['everything is ready']);
}
