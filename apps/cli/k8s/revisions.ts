import { type Context, print, table } from '../context.ts';
import { CommandError } from '../failure.ts';
import { handOver, keepBeside, rememberRunning } from './hand-over.ts';
import { historyOf, revisionBefore, rollbackRelease } from './helm.ts';
import { type Release, selectReleases } from './releases.ts';
import { openSession, type Session } from './session.ts';
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
    const revision = await revisionBefore(session, release, to);
    await goBack(session, release, revision);
    done.push({ release: release.name, revision });
  }
  print(context, { rolledBack: done }, [
    ...done.map(({ release, revision }) => `${release} ${context.dryRun ? 'would be' : 'is'} as in revision ${revision} again`),
    ...(context.dryRun ? [] : ['the next "quickstart" installs what the settings say: correct them first (K8S_IMAGE, env-custom)']),
  ]);
}

/** Orders that began on the code that goes keep its workers, and what is new gets the code that comes back. */
async function goBack(session: Session, release: Release, revision: number): Promise<void> {
  const kept = release.part === 'apps' ? await keepBeside(session, release, revision) : [];
  await withReasons(session, release, rollbackRelease(session, release, revision));
  if (session.context.dryRun) return;
  // Workers that stay for their orders need not be well for the rest to be back.
  const selector = kept.length > 0 ? { selector: `app.kubernetes.io/version notin (${kept.join(', ')})` } : {};
  await waitForRelease(session, release, selector);
  if (release.part === 'apps') await handOver(await rememberRunning(session));
}
