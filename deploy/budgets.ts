// What an installation may use: memory and processor time of every pod, and connections to PostgreSQL. The charts ask for exactly
// this; a test compares them with what they render. Memory comes from measurement: what a process keeps after hundreds of orders
// with 40 under way (84 MiB all APIs, 146 all workers, 60 the codec server), and what of its code must stay readable (42 MiB of Node, 25
// more of a worker's library): with less than that a process does not die, it hangs.

export type Topology = 'compact' | 'services';

/** What one pod asks for. Its limit of memory is the same figure. */
export type PodBudget = { memoryMi: number; cpuMilli: number };

export type ComponentBudget = PodBudget & {
  /** How many pods there are when nothing is scaled, and at most. */
  replicas: number;
  most: number;
  /** Pods more than that while one version replaces another, and of an earlier build whose orders still run. */
  surge: number;
  earlier?: number;
  /** Connections that each pod keeps to the databases of these services, at most. */
  pools: Readonly<Record<string, number>>;
  /** Connections beside the pools: the relay of each worker role leads by one, the orders API listens on one. */
  sessions: number;
};

const component = (
  memoryMi: number,
  cpuMilli: number,
  pools: ComponentBudget['pools'],
  more: Partial<Omit<ComponentBudget, 'memoryMi' | 'cpuMilli' | 'pools'>> = {},
): ComponentBudget => ({ replicas: 1, most: more.replicas ?? 1, surge: 1, sessions: 0, ...more, memoryMi, cpuMilli, pools });

const packed = { catalog: 2, inventory: 2, orders: 4, billing: 2, shipping: 2 };
const api = { replicas: 3, most: 6 };
const worker = { replicas: 2, most: 4, sessions: 1 };
const codecServer = component(96, 10, {}, { surge: 0 });

/** The components of the chart waybill. */
export const components: Readonly<Record<Topology, Readonly<Record<string, ComponentBudget>>>> = {
  compact: {
    api: component(160, 100, packed, { sessions: 1, surge: 0 }),
    worker: component(256, 200, packed, { sessions: 5, surge: 0 }),
    'codec-server': codecServer,
  },
  services: {
    gateway: component(128, 50, {}, api),
    'catalog-api': component(128, 50, { catalog: 4 }, api),
    'catalog-worker': component(128, 50, { catalog: 2 }, { sessions: 1 }),
    'inventory-api': component(128, 50, { inventory: 5 }, api),
    'inventory-worker': component(192, 50, { inventory: 6 }, worker),
    'orders-api': component(144, 100, { orders: 10 }, { ...api, sessions: 1 }),
    'orders-worker': component(256, 100, { orders: 10 }, { ...worker, earlier: 1 }),
    'billing-api': component(128, 50, { billing: 5 }, api),
    'billing-worker': component(192, 50, { billing: 6 }, worker),
    'shipping-api': component(128, 50, { shipping: 4 }, api),
    'shipping-worker': component(192, 50, { shipping: 4 }, worker),
    'codec-server': codecServer,
  },
};

/** The bundled entrance. A cluster's own controller is no pod of ours. */
export const entrance: PodBudget = { memoryMi: 48, cpuMilli: 10 };

/** What the migration Job asks for while it runs; it may use more (its limit) where there is more. */
export const migration: PodBudget & { limitMi: number } = { memoryMi: 32, limitMi: 128, cpuMilli: 10 };

/** Prod alone, or with staging beside it. */
type Beside = 'alone' | 'both';

const uiAndCache = { 'temporal-ui': { memoryMi: 32, cpuMilli: 10 }, valkey: { memoryMi: 24, cpuMilli: 20 } };

const platform: Readonly<Record<Topology, Readonly<Record<string, PodBudget>>>> = {
  compact: { temporal: { memoryMi: 256, cpuMilli: 200 }, ...uiAndCache },
  services: { temporal: { memoryMi: 512, cpuMilli: 200 }, kafka: { memoryMi: 224, cpuMilli: 100 }, ...uiAndCache },
};

const postgresql: Readonly<Record<Topology, Readonly<Record<Beside, PodBudget>>>> = {
  compact: { alone: { memoryMi: 240, cpuMilli: 100 }, both: { memoryMi: 336, cpuMilli: 100 } },
  services: { alone: { memoryMi: 1_536, cpuMilli: 200 }, both: { memoryMi: 1_920, cpuMilli: 200 } },
};

/** The chart platform as an installation needs it: once for all environments, of the larger topology. */
export const platformOf = (topology: Topology, beside: Beside): Readonly<Record<string, PodBudget>> => ({
  postgresql: postgresql[topology][beside],
  ...platform[topology],
});

/** The chart monitoring, without Grafana, which a small cluster leaves out. */
export const monitoring: Readonly<Record<string, PodBudget>> = {
  'otel-collector': { memoryMi: 64, cpuMilli: 20 },
  prometheus: { memoryMi: 128, cpuMilli: 50 },
};

/** Memory that a Raspberry Pi of 906 MB has for our pods, after its system, its Kubernetes and what keeps it from evicting. */
export const smallNodeMi = 450;
export const smallNodes = 3;

/** Every pod of a compact installation, by name. */
export const compactPods = (): Record<string, number> =>
  Object.fromEntries(
    Object.entries({ ...platformOf('compact', 'alone'), ...monitoring, ...components.compact, caddy: entrance }).map(
      ([name, { memoryMi }]) => [name, memoryMi],
    ),
  );

/** Puts pods on nodes, the largest first, each on the first that has room. Undefined when one finds no room. */
export function packOnto(pods: Readonly<Record<string, number>>, nodes: number, nodeMi: number): string[][] | undefined {
  const bins = Array.from({ length: nodes }, () => ({ left: nodeMi, names: [] as string[] }));
  for (const [name, memoryMi] of Object.entries(pods).toSorted(([, a], [, b]) => b - a)) {
    const bin = bins.find(({ left }) => left >= memoryMi);
    if (!bin) return undefined;
    bin.left -= memoryMi;
    bin.names.push(name);
  }
  return bins.map(({ names }) => names);
}

export type ConnectionShare = { holder: string; connections: number };

/** Temporal's server keeps pools for each of its four roles and both of its databases. */
export const temporalConnections = 4 * (4 + 2);

/** Temporal's schema Job, and a server that waits for it. */
export const temporalJobConnections = 2;

/** What PostgreSQL keeps for its superuser: people and backups use these. */
export const reservedConnections = 3;

/** max_connections of the bundled PostgreSQL. */
export const maxConnections: Readonly<Record<Topology, Readonly<Record<Beside, number>>>> = {
  compact: { alone: 60, both: 91 },
  services: { alone: 400, both: 525 },
};

/**
 * What PostgreSQL takes beside its shared buffers, and each connection: measured 2.8 MiB after hundreds of orders with 40 under way. A
 * server short of memory loses a process, and with it all connections.
 */
export const postgresqlOwnMi = 20;
export const connectionMi = 3;

/**
 * Connections of one environment when every component runs as often as it may while a new version replaces it. A pod that goes counts as
 * the one that takes its place: for the seconds both are there PostgreSQL may refuse a few, which are tried again.
 */
export const connectionsAtMost = (topology: Topology): ConnectionShare[] => [
  ...Object.entries(components[topology]).map(([holder, { most, surge, earlier = 0, pools, sessions }]) => ({
    holder,
    connections: (most + surge + earlier) * (sum(Object.values(pools)) + sessions),
  })),
  { holder: 'migrate', connections: 1 },
];

/** The same for an environment where nothing is scaled, such as staging. */
export const connectionsAtRest = (topology: Topology): ConnectionShare[] => [
  ...Object.entries(components[topology]).map(([holder, { surge, pools, sessions }]) => ({
    holder,
    connections: (1 + surge) * (sum(Object.values(pools)) + sessions),
  })),
  { holder: 'migrate', connections: 1 },
];

export const totalConnections = (shares: readonly ConnectionShare[]): number => sum(shares.map(({ connections }) => connections));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
