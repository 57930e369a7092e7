import type { KubeObject } from '@waybill/cli/k8s/objects';
import { containerPort, type LabelSelector, matches, type Pod } from './workloads.ts';

type Peer = { podSelector?: LabelSelector; namespaceSelector?: LabelSelector; ipBlock?: unknown };
type PolicyPort = { port?: string | number; endPort?: number; protocol?: string };
type Rule = { from?: Peer[]; to?: Peer[]; ports?: PolicyPort[] };

/** Whether the NetworkPolicies let one pod open a connection to a port of another. `protocol` is TCP unless said. */
export function mayCall(objects: readonly KubeObject[], from: Pod, to: Pod, port: number, protocol = 'TCP'): boolean {
  return (
    isAllowed(objects, { subject: from, other: to, target: to, direction: 'Egress', port, protocol }) &&
    isAllowed(objects, { subject: to, other: from, target: to, direction: 'Ingress', port, protocol })
  );
}

type Question = { subject: Pod; other: Pod; target: Pod; direction: 'Ingress' | 'Egress'; port: number; protocol: string };

function isAllowed(objects: readonly KubeObject[], { subject, other, target, direction, port, protocol }: Question): boolean {
  const policies = objects.filter(
    ({ kind, metadata, spec }) =>
      kind === 'NetworkPolicy' &&
      metadata.namespace === subject.namespace &&
      spec.policyTypes.includes(direction) &&
      matches(spec.podSelector, subject.labels),
  );
  if (policies.length === 0) return true;
  return policies.some(({ spec, metadata }) => {
    const rules: Rule[] = spec[direction.toLowerCase()] ?? [];
    return rules.some((rule) => {
      const peers = direction === 'Ingress' ? rule.from : rule.to;
      return (
        (peers === undefined || peers.some((peer) => isPeer(peer, other, metadata.namespace ?? ''))) &&
        (rule.ports === undefined || rule.ports.some((one) => isPort(one, target, port, protocol)))
      );
    });
  });
}

function isPeer({ podSelector, namespaceSelector }: Peer, pod: Pod, policyNamespace: string): boolean {
  if (!podSelector && !namespaceSelector) return false; // an ipBlock is for the world outside
  const inNamespace = namespaceSelector
    ? matches(namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace, 'app.kubernetes.io/part-of': 'waybill' })
    : pod.namespace === policyNamespace;
  return inNamespace && (!podSelector || matches(podSelector, pod.labels));
}

const isPort = ({ port, endPort, protocol = 'TCP' }: PolicyPort, target: Pod, wanted: number, wantedProtocol: string): boolean => {
  if (protocol !== wantedProtocol) return false;
  if (port === undefined) return true;
  const number = typeof port === 'number' ? port : containerPort(target, port)?.containerPort;
  return number !== undefined && wanted >= number && wanted <= (endPort ?? number);
};
