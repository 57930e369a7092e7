import { type Ask, explain, type Finding, type Snapshot } from './explain.ts';
import { type KubeObject, labelOf } from './objects.ts';
import { readinessText } from './readyz.ts';
import type { Release } from './releases.ts';
import type { Session } from './session.ts';

const kinds = 'deployments,statefulsets,replicasets,jobs,pods,persistentvolumeclaims';

/** What runs of a release, as far as it is ours. */
export async function observe(session: Session, release: Release, selector?: string): Promise<Snapshot> {
  const { tools } = session;
  const labels = ['app.kubernetes.io/part-of=waybill', ...(selector ? [selector] : [])].join(',');
  const [objects, events] = await Promise.all([
    tools.read('kubectl', ['get', kinds, '--namespace', release.namespace, '--selector', labels, '--output', 'json'], { repeated: true }),
    tools.read('kubectl', ['get', 'events', '--namespace', release.namespace, '--output', 'json'], { repeated: true }),
  ]);
  // ReplicaSets carry their Deployment's pod labels, so the selector finds them as well.
  const items = (JSON.parse(objects.stdout) as { items: KubeObject[] }).items; // what kubectl prints
  return {
    objects: items.filter((object) => (labelOf(object, 'instance') ?? release.name) === release.name),
    events: (JSON.parse(events.stdout) as { items: KubeObject[] }).items, // what kubectl prints
  };
}

/** The findings about a release, those that are not well with what the cluster itself says of them. */
export async function findingsOf(session: Session, release: Release, selector?: string): Promise<Finding[]> {
  const findings = explain(await observe(session, release, selector));
  return Promise.all(
    findings.map(async (finding) => {
      if (!finding.ask) return finding;
      const more = await answer(session, finding.ask);
      return more === '' ? finding : { ...finding, reason: `${finding.reason}\n${more}` };
    }),
  );
}

/** Never throws: what cannot be had is left out. */
async function answer(session: Session, ask: Ask): Promise<string> {
  if (ask.kind === 'readyz') return readinessText(session, ask);
  const { namespace, pod, container, previous } = ask;
  const args = ['logs', '--namespace', namespace, pod, '--container', container, '--tail', '20', ...(previous ? ['--previous'] : [])];
  const ran = await session.tools.read('kubectl', args, { repeated: true, accept: [1] }).catch(() => undefined);
  if (ran?.code !== 0) return '';
  return lastWords(ran.stdout);
}

/** The last lines that say something; of lines in JSON the message and its error. */
export function lastWords(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at |^Node\.js v/.test(line)) // where a stack went through says less than its head
    .map(readable);
  return lines
    .slice(-4)
    .map((line) => `  │ ${line}`)
    .join('\n');
}

function readable(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const entry = JSON.parse(line) as { level?: string; msg?: string; err?: { message?: string } }; // our log lines; others have no msg
    return [entry.level, entry.msg, entry.err?.message].filter(Boolean).join(': ') || line;
  } catch {
    return line;
  }
}
