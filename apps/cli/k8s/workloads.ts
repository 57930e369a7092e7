import type { KubeObject } from './objects.ts';
import type { Release } from './releases.ts';
import type { Session } from './session.ts';

/** The Deployments and StatefulSets of a release, as they are in the cluster. */
export async function workloadsOf(session: Session, release: Release, selector?: string): Promise<KubeObject[]> {
  const labels = [`app.kubernetes.io/instance=${release.name}`, 'app.kubernetes.io/part-of=waybill', ...(selector ? [selector] : [])].join(
    ',',
  );
  const args = ['get', 'deployments,statefulsets', '--namespace', release.namespace, '--selector', labels, '--output', 'json'];
  return (JSON.parse((await session.tools.read('kubectl', args, { repeated: true })).stdout) as { items: KubeObject[] }).items; // what kubectl prints
}
