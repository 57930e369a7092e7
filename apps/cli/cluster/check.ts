import { type Context, print } from '../context.ts';
import { versionOf } from '../external/tools.ts';
import type { KubeObject } from '../k8s/objects.ts';
import { releasesIn } from '../k8s/releases.ts';
import { objectsOf, render } from '../k8s/render.ts';
import { openSession, type Session } from '../k8s/session.ts';
import { hostOf, topologyOf } from '../k8s/values.ts';
import { fitOn, podsOf, roomOn } from './fit.ts';

type Finding = { name: string; state: 'ok' | 'note' | 'missing'; found: string; fix?: string };
type Entrance = 'none' | 'gatewayApi' | 'ingress' | 'caddy';

export type ClusterReport = { ok: boolean; findings: Finding[]; entrance: Entrance; lines: string[]; fix: string };

const signs = { ok: '✔', note: '•', missing: '✖' };

/** Exit code 6 when the cluster cannot take the installation. */
export async function check(context: Context, options: { env?: string }): Promise<number> {
  const report = await checkCluster(openSession(context, options));
  print(context, { ok: report.ok, entrance: report.entrance, findings: report.findings }, [
    ...report.lines,
    report.ok ? 'the cluster can take this installation' : 'something is missing: see ✖ above',
  ]);
  return report.ok ? 0 : 6;
}

/** Everything that an install would stumble over, found before it begins. */
export async function checkCluster(session: Session): Promise<ClusterReport> {
  const get = async (...args: string[]) =>
    (
      JSON.parse((await session.tools.read('kubectl', ['get', ...args, '--output', 'json'], { repeated: true })).stdout) as {
        items: KubeObject[];
      }
    ).items; // what kubectl prints
  const [nodes, pods, classes, apis, versions] = [
    await get('nodes'),
    await get('pods', '--all-namespaces'),
    await get('storageclasses'),
    new Set((await session.tools.read('kubectl', ['api-versions'], { repeated: true })).stdout.split('\n').map((line) => line.trim())),
    JSON.parse((await session.tools.read('kubectl', ['version', '--output', 'json'], { repeated: true })).stdout) as {
      serverVersion?: { gitVersion: string };
    },
  ];
  const gateways = apis.has('gateway.networking.k8s.io/v1') ? await get('gatewayclasses') : [];
  const ingresses = await get('ingressclasses');
  const entrance = pickEntrance({ gateways, ingresses, host: hostOf(session.configuration, session.environment) });
  const findings: Finding[] = [
    serverVersion(versions.serverVersion?.gitVersion ?? ''),
    await helm(session),
    ready(nodes),
    storage(classes),
    await memory(session, nodes, pods),
    metrics(apis),
    entranceFinding(session, entrance, { apis, gateways }),
  ];
  const missing = findings.filter(({ state }) => state === 'missing');
  return {
    ok: missing.length === 0,
    findings,
    entrance,
    lines: findings.flatMap(({ name, state, found, fix }) => [
      `${signs[state]} ${name}: ${found}`,
      ...(fix ? [`    how to fix: ${fix}`] : []),
    ]),
    fix: missing.find(({ fix }) => fix !== undefined)?.fix ?? '"waybill cluster check" says what is missing',
  };
}

function serverVersion(text: string): Finding {
  const [, major = 0, minor = 0] = (/v(\d+)\.(\d+)/.exec(text) ?? []).map(Number);
  if (major > 1 || minor >= 29) return { name: 'Kubernetes', state: 'ok', found: text };
  return {
    name: 'Kubernetes',
    state: 'missing',
    found: `${text || 'of unknown version'}, and 1.29 or newer is needed`,
    fix: 'upgrade the cluster',
  };
}

async function helm({ tools }: Session): Promise<Finding> {
  const { text, ok, needed, fix } = await versionOf(tools, 'helm');
  return ok
    ? { name: 'Helm', state: 'ok', found: text }
    : { name: 'Helm', state: 'missing', found: `${text}, and ${needed} or newer is needed`, fix };
}

function ready(nodes: readonly KubeObject[]): Finding {
  const isReady = ({ status }: KubeObject) =>
    (status?.conditions ?? []).some((one: { type: string; status: string }) => one.type === 'Ready' && one.status === 'True');
  const down = nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name);
  if (nodes.length === 0) return { name: 'nodes', state: 'missing', found: 'there is none', fix: 'add a node to the cluster' };
  const found = `${nodes.length - down.length} of ${nodes.length} ready`;
  return down.length === 0
    ? { name: 'nodes', state: 'ok', found }
    : { name: 'nodes', state: 'note', found: `${found}; not ready: ${down.join(', ')}` };
}

function storage(classes: readonly KubeObject[]): Finding {
  const usual = classes.find(({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true');
  if (usual) return { name: 'volumes', state: 'ok', found: `StorageClass ${usual.metadata.name} is the default` };
  const fix =
    classes.length > 0
      ? `mark one: kubectl annotate storageclass ${classes[0]?.metadata.name} storageclass.kubernetes.io/is-default-class=true`
      : 'install a provisioner (k3s and kind bring one; on EKS the EBS CSI add-on)';
  return { name: 'volumes', state: 'missing', found: 'there is no default StorageClass', fix };
}

/** Adds up what the rendered pods ask for, and tries to place them on what the nodes have left. */
async function memory(session: Session, nodes: readonly KubeObject[], pods: readonly KubeObject[]): Promise<Finding> {
  const rendered = await render(session);
  const releases = releasesIn(session.environment, session.configuration);
  const wanted = releases.flatMap((release) => podsOf(objectsOf(rendered, release)));
  const isOurs = ({ metadata }: KubeObject) =>
    metadata.labels?.['app.kubernetes.io/part-of'] === 'waybill' && releases.some(({ namespace }) => namespace === metadata.namespace);
  const room = roomOn(nodes, pods, isOurs);
  const { left } = fitOn(room, wanted);
  const sum = (list: readonly { memory: number }[]) => Math.round(list.reduce((total, one) => total + one.memory, 0));
  const found = `${wanted.length} pods ask for ${sum(wanted)} Mi; ${room.length} nodes have ${room.map(({ memory: free }) => Math.round(free)).join(' + ')} Mi left`;
  if (left.length === 0) return { name: 'memory and CPU', state: 'ok', found };
  const advice = topologyOf(session.configuration, session.environment) === 'services' ? 'take --topology compact, or ' : '';
  const largest = left[0];
  return {
    name: 'memory and CPU',
    state: 'missing',
    found: `${found}; no room for ${left.map((pod) => `${pod.name} (${Math.round(pod.memory)} Mi, ${pod.cpu}m)`).join(', ')}`,
    fix: `${advice}add a node with at least ${Math.ceil(largest?.memory ?? 0)} Mi and ${largest?.cpu ?? 0}m free, or stop something else`,
  };
}

function metrics(apis: ReadonlySet<string>): Finding {
  if (apis.has('metrics.k8s.io/v1beta1')) return { name: 'metrics server', state: 'ok', found: 'there' };
  return { name: 'metrics server', state: 'note', found: 'not there: autoscalers have no figures, and nothing scales by itself' };
}

/** The best of what the cluster has; without a public name nothing needs to be open. */
function pickEntrance(has: { gateways: readonly KubeObject[]; ingresses: readonly KubeObject[]; host: string | undefined }): Entrance {
  if (has.host === undefined) return 'none';
  if (has.gateways.length > 0) return 'gatewayApi';
  return has.ingresses.length > 0 ? 'ingress' : 'caddy';
}

function entranceFinding(
  { configuration, environment }: Session,
  best: Entrance,
  { apis, gateways }: { apis: ReadonlySet<string>; gateways: readonly KubeObject[] },
): Finding {
  const name = 'entrance';
  const { K8S_ENTRANCE: chosen, K8S_GATEWAY_CLASS: gatewayClass } = configuration.cli;
  const host = hostOf(configuration, environment);
  const [setting, example] = environment === 'prod' ? ['K8S_HOST', 'shop.example.com'] : ['K8S_STAGING_HOST', 'staging.example.com'];
  const classes = gateways.map(({ metadata }) => metadata.name);
  const choose = `waybill config save -s K8S_ENTRANCE=${best}${best === 'gatewayApi' ? ` -s K8S_GATEWAY_CLASS=${classes[0]}` : ''}`;
  const certificates = apis.has('cert-manager.io/v1');
  if (host === undefined) {
    return chosen === 'none'
      ? { name, state: 'note', found: `none: reached by port-forward only; set ${setting} to a public name to open one` }
      : { name, state: 'missing', found: `${chosen} without a host name`, fix: `waybill config save -s ${setting}=${example}` };
  }
  if (chosen === 'gatewayApi' && !apis.has('gateway.networking.k8s.io/v1')) {
    return {
      name,
      state: 'missing',
      found: 'gatewayApi, which this cluster does not have',
      fix: choose,
    };
  }
  if (chosen === 'gatewayApi' && gatewayClass !== undefined && !classes.includes(gatewayClass)) {
    return {
      name,
      state: 'missing',
      found: `GatewayClass ${gatewayClass}, which this cluster does not have; it has ${classes.join(', ') || 'none'}`,
      fix:
        classes.length > 0
          ? `waybill config save -s K8S_GATEWAY_CLASS=${classes[0]}`
          : 'install a controller for the Gateway API, or take K8S_ENTRANCE=caddy',
    };
  }
  const tls =
    chosen === 'gatewayApi' || chosen === 'ingress'
      ? `, certificates ${certificates ? 'by cert-manager' : 'from a Secret of yours (no cert-manager here)'}`
      : '';
  if (chosen === best) return { name, state: 'ok', found: `${chosen} for ${host}${tls}` };
  return {
    name,
    state: 'note',
    found: `${chosen} for ${host}${tls}; this cluster has what ${best} needs: ${choose}`,
  };
}
