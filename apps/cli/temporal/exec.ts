import type { Context } from '../context.ts';
import { CommandError } from '../failure.ts';
import { componentOf } from '../k8s/objects.ts';
import { releasesOf } from '../k8s/releases.ts';
import { objectsOf, render } from '../k8s/render.ts';
import { openSession } from '../k8s/session.ts';
import { namespaceOf } from './access.ts';

/** Runs Temporal's own command beside the server, in a pod that goes when it has ended. */
export async function exec(context: Context, args: readonly string[], options: { env?: string }): Promise<number> {
  const session = openSession(context, options);
  const [platform] = releasesOf(session.environment);
  const job = objectsOf(await render(session), platform).find(
    (object) => object.kind === 'Job' && componentOf(object) === 'temporal-namespaces',
  );
  if (!job) {
    throw new CommandError('not_found', 'the chart platform has no temporal-namespaces Job to run this like', {
      fix: 'temporal.enabled is off: use the command of the Temporal you have',
    });
  }
  const name = `temporal-cli-${Date.now().toString(36)}`;
  const pod = structuredClone(job.spec.template);
  const [container] = pod.spec.containers;
  const terminal = context.io.tty;
  const environment = [
    ...container.env.filter(({ name: key }: { name: string }) => key !== 'WAIT_LIMIT'),
    { name: 'TEMPORAL_NAMESPACE', value: namespaceOf(session) },
  ];
  pod.spec.containers = [
    { ...container, name, env: environment, command: ['temporal', ...args], stdin: true, stdinOnce: true, tty: terminal },
  ];
  const overrides = JSON.stringify({ apiVersion: 'v1', metadata: { labels: pod.metadata.labels }, spec: pod.spec });
  return session.tools.attach('kubectl', [
    ...['run', name, '--namespace', platform.namespace, '--image', container.image, '--restart', 'Never', '--rm', '--quiet'],
    ...[terminal ? '-it' : '-i', '--overrides', overrides],
  ]);
}
