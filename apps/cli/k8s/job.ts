import { setTimeout as delay } from 'node:timers/promises';
import { print, proseOf } from '../context.ts';
import { CommandError } from '../failure.ts';
import { applyObject } from './apply.ts';
import { explain } from './explain.ts';
import { componentOf, type KubeObject } from './objects.ts';
import { observe } from './observe.ts';
import { releasesOf } from './releases.ts';
import { objectsOf, render } from './render.ts';
import type { Session } from './session.ts';

export type ClusterJob = 'migrate' | 'seed';

/** Runs one piece of work in the cluster as a Job like the migration's: same image, settings, secrets and limits. */
export async function runJob(session: Session, work: ClusterJob): Promise<undefined> {
  const { context, environment, tools, configuration } = session;
  const [, , waybill] = releasesOf(environment);
  const template = objectsOf(await render(session), waybill).find((object) => object.kind === 'Job' && componentOf(object) === 'migrate');
  if (!template) {
    throw new CommandError('not_found', `the chart waybill has no migration Job to run "${work}" like`, {
      fix: 'set migration in env-custom/values/waybill.yaml',
    });
  }
  const job = jobFor(template, work);
  const { name } = job.metadata;
  await applyObject(tools, job);
  if (context.dryRun) return;
  const deadline = Date.now() + configuration.cli.K8S_TIMEOUT;
  for (;;) {
    const { objects, events } = await observe(session, waybill, `app.kubernetes.io/component=${work}`);
    const finding = explain({ objects: objects.filter((object) => object.kind !== 'Job' || object.metadata.name === name), events })[0];
    if (finding?.state === 'ready') break;
    if (finding?.state === 'failed' || Date.now() > deadline) {
      const log = await tools.read('kubectl', ['logs', '--namespace', environment, `job/${name}`, '--tail', '10'], { accept: [1] });
      throw new CommandError(
        'unavailable',
        `"do ${work}" in ${environment} has not worked: ${finding?.reason ?? ''}\n${log.stdout.trim()}`,
        {
          fix: 'correct what its log names, and repeat it: each step is done whole or not at all',
        },
      );
    }
    await delay(1_000);
  }
  proseOf(context)(`"do ${work}" is done in ${environment}`);
  if (context.json) print(context, { work, environment, job: name, done: true }, []);
}

function jobFor(template: KubeObject, work: ClusterJob): KubeObject {
  const labels = { ...template.metadata.labels, 'app.kubernetes.io/component': work };
  const spec = structuredClone(template.spec);
  spec.ttlSecondsAfterFinished = 3_600;
  spec.template.metadata.labels = { ...spec.template.metadata.labels, 'app.kubernetes.io/component': work };
  for (const container of spec.template.spec.containers) container.args = [work];
  const name = `waybill-${work}-${Date.now().toString(36)}`;
  const { namespace } = template.metadata;
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, ...(namespace !== undefined && { namespace }), labels }, spec };
}
