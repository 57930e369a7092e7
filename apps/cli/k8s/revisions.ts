import { type Context, print, table } from '../context.ts';
import { CommandError } from '../failure.ts';
import { historyOf, rollbackRelease } from './helm.ts';
import { selectReleases } from './releases.ts';
import { openSession } from './session.ts';
import type { SelectOptions } from './status.ts';
import { waitForRelease, withReasons } from './wait.ts';

/** What was installed when. */
export async function history(context: Context, options: SelectOptions): Promise<undefined> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part);
  const parts = await Promise.all(releases.map(async (release) => ({ release, revisions: await historyOf(session, release) })));
  const data = parts.map(({ release, revisions }) => ({ release: release.name, namespace: release.namespace, revisions }));
  print(context, { releases: data }, [
    ...parts.flatMap(({ release, revisions }) => [
      `${release.name} (${release.namespace})${revisions.length === 0 ? ': not installed' : ''}`,
      ...table(
        revisions.map(({ revision, updated, status, app_version, description }) => [
          `  ${revision}`,
          updated.slice(0, 19),
          status,
          app_version,
          description,
        ]),
      ),
    ]),
  ]);
}

/** Back to the revision before, of one release or of each one selected; the databases stay, since their schemas serve both. */
export async function rollback(context: Context, options: SelectOptions & { to?: string }): Promise<undefined> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part ?? 'apps');
  const to = options.to === undefined ? undefined : Number(options.to);
  if (to !== undefined && (!Number.isInteger(to) || releases.length > 1)) {
    throw new CommandError('invalid', '--to is the revision of one release', {
      fix: 'name the release with -l, and its revision as "history" shows it',
    });
  }
  const done: { release: string; revision: number }[] = [];
  for (const release of releases) {
    const revision = await withReasons(session, release, rollbackRelease(session, release, to));
    done.push({ release: release.name, revision });
    if (!context.dryRun) await waitForRelease(session, release);
  }
  print(context, { rolledBack: done }, [
    ...done.map(({ release, revision }) => `${release} ${context.dryRun ? 'would be' : 'is'} as in revision ${revision} again`),
    ...(context.dryRun ? [] : ['the next "quickstart" installs what the settings say: correct them first (K8S_IMAGE, env-custom)']),
  ]);
}
