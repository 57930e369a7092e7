import { proseOf } from '../context.ts';
import { isHook, type KubeObject, nameOf } from './objects.ts';
import { lastWords } from './observe.ts';
import type { Release } from './releases.ts';
import type { Session } from './session.ts';

/**
 * Takes out the Jobs of a release that have failed, once their last words are told. Their names stay the same from one install
 * to the next, so Helm would leave them as they are, and what they do would never be tried again.
 */
export async function clearFailedJobs(session: Session, { name, namespace }: Release): Promise<void> {
  const { context, tools } = session;
  const say = proseOf(context);
  const labels = `app.kubernetes.io/instance=${name},app.kubernetes.io/managed-by=Helm`;
  const args = ['get', 'jobs', '--namespace', namespace, '--selector', labels, '--output', 'json'];
  const { items } = JSON.parse((await tools.read('kubectl', args)).stdout) as { items: KubeObject[] }; // what kubectl prints
  for (const job of failedJobs(items)) {
    const target = ['--namespace', namespace, `job/${job.metadata.name}`];
    const log = await tools.read('kubectl', ['logs', ...target, '--all-containers', '--tail', '20'], { accept: [1] });
    say(`${nameOf(job)} has failed and is run again. Its last words:`);
    say(lastWords(log.code === 0 ? log.stdout : '') || '  its pods are gone, and their logs with them');
    await tools.change('kubectl', ['delete', ...target, '--wait']);
  }
}

/** Those that do not mend themselves; Helm makes hooks anew each time. */
export const failedJobs = (jobs: readonly KubeObject[]): KubeObject[] =>
  jobs.filter(
    (job) =>
      !isHook(job) &&
      job.status?.conditions?.some(({ type, status }: { type: string; status: string }) => type === 'Failed' && status === 'True'),
  );
