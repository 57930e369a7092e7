import type { Finding } from './explain.ts';
import { componentOf, type KubeObject, nameOf } from './objects.ts';
import type { Session } from './session.ts';

type Condition = { type: string; status: string; reason?: string; message?: string };
type Entrance = { findings: Finding[]; address: string | undefined };

/** What the entrance says of itself, and the address that callers from outside use, if it has been given one. */
export async function entranceOf({ tools, environment, configuration }: Session): Promise<Entrance> {
  const byGateway = configuration.cli.K8S_ENTRANCE === 'gatewayApi';
  const kinds = [
    'services',
    'ingresses',
    ...(byGateway ? ['gateways.gateway.networking.k8s.io', 'httproutes.gateway.networking.k8s.io'] : []),
  ];
  const args = ['get', kinds.join(','), '--namespace', environment, '--output', 'json'];
  const ran = await tools.read('kubectl', args, { repeated: true, accept: [1] });
  if (ran.code !== 0) return { findings: byGateway ? [unknownApi(environment, ran.stderr)] : [], address: undefined };
  const { items } = JSON.parse(ran.stdout) as { items: KubeObject[] }; // what kubectl prints
  return { findings: explainEntrance(items), address: items.map(addressOf).find((address) => address !== undefined) };
}

const unknownApi = (environment: string, said: string): Finding => ({
  component: 'entrance',
  object: `Gateway ${environment}/waybill`,
  state: 'waiting',
  figure: 'not there',
  reason: said.trim(),
  fix: 'install a controller for the Gateway API, or choose another K8S_ENTRANCE: "waybill cluster check" says which fits',
});

/** A LoadBalancer and an Ingress keep it in one place, a Gateway in another. */
function addressOf({ status }: KubeObject): string | undefined {
  const [balancer] = status?.loadBalancer?.ingress ?? [];
  return balancer?.hostname ?? balancer?.ip ?? status?.addresses?.[0]?.value;
}

/** Whether controllers have taken our Gateways and routes, and of those they have not, why. */
export const explainEntrance = (objects: readonly KubeObject[]): Finding[] =>
  objects
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/part-of'] === 'waybill')
    .flatMap((object) => (object.kind === 'Gateway' ? [gateway(object)] : object.kind === 'HTTPRoute' ? [route(object)] : []));

function gateway(object: KubeObject): Finding {
  const own: Condition[] = object.status?.conditions ?? [];
  const listeners: { name: string; conditions?: Condition[] }[] = object.status?.listeners ?? [];
  // A listener without its certificate is said beneath a Gateway that is well.
  const troubles = [
    ...notTrue(own, ['Accepted', 'Programmed']),
    ...listeners.flatMap(({ name, conditions = [] }) =>
      notTrue(conditions, ['Accepted', 'ResolvedRefs', 'Programmed'], { absent: false }).map((text) => `listener ${name}: ${text}`),
    ),
  ];
  const noController = `no controller has looked at it: is there one for the GatewayClass ${object.spec?.gatewayClassName}?`;
  return finding(object, { well: 'programmed', ill: 'not programmed' }, isUntouched(own) ? [noController] : troubles);
}

function route(object: KubeObject): Finding {
  const parents: { conditions?: Condition[] }[] = object.status?.parents ?? [];
  const named = (object.spec?.parentRefs ?? []).map(({ name }: { name: string }) => name).join(', ');
  const troubles = parents.flatMap(({ conditions = [] }) => notTrue(conditions, ['Accepted', 'ResolvedRefs']));
  return finding(
    object,
    { well: 'accepted', ill: 'not accepted' },
    parents.length === 0 ? [`no Gateway has taken it: is ${named} there?`] : troubles,
  );
}

const finding = (object: KubeObject, figures: { well: string; ill: string }, troubles: readonly string[]): Finding => ({
  component: componentOf(object),
  object: nameOf(object),
  ...(troubles.length === 0
    ? { state: 'ready', figure: figures.well }
    : {
        state: 'waiting',
        figure: figures.ill,
        reason: [...new Set(troubles)].join('\n     '),
        fix: `"kubectl describe ${object.kind.toLowerCase()} ${object.metadata.name} -n ${object.metadata.namespace}" shows all of it; the log of its controller says more`,
      }),
});

/** Before a controller comes a Gateway has what the API's own default says: that everything is unknown. */
const isUntouched = (conditions: readonly Condition[]): boolean => conditions.every(({ status }) => status === 'Unknown');

/** `Programmed is False, AddressNotAssigned: …` for each of these conditions that is not true; `absent` counts those not there too. */
function notTrue(conditions: readonly Condition[], types: readonly string[], { absent = true } = {}): string[] {
  return types.flatMap((type) => {
    const found = conditions.find((condition) => condition.type === type);
    if (!found) return absent ? [`${type} is not known yet`] : [];
    if (found.status === 'True') return [];
    return [`${type} is ${found.status}, ${found.reason ?? 'without a reason'}${found.message ? `: ${found.message}` : ''}`];
  });
}
