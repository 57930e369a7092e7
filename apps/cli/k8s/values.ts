import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allSettings } from '@waybill/server/settings';
import { parse } from 'yaml';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import { parseEarlierBuilds } from './builds.ts';
import type { ImageValues } from './image.ts';
import { deployFolder, type Environment, type Release, type Topology } from './releases.ts';

export type Values = { [key: string]: unknown };

/** Decided by the charts (and by a single server's containers like them), or meant for this machine: not taken over from config.yml. */
const notForContainers =
  /^(HOST|PORT|INTERNAL_PORT|CODEC_PORT|DATABASE_PREFIX|MIGRATE_WAIT|WORKFLOW_CACHE_DIR|ENCRYPTION_KEYS_FILE|KAFKA_(BROKERS|TLS|SASL_MECHANISM|USERNAME)|TEMPORAL_(ADDRESS|NAMESPACE|TLS|TLS_SERVER_NAME|METRICS_ADDRESS|DEPLOYMENT_NAME|WORKER_BUILD_ID)|[A-Z]+_URL)$/;

export const topologyOf = (configuration: Configuration, environment: Environment): Topology =>
  environment === 'prod' ? configuration.cli.K8S_PROD_TOPOLOGY : configuration.cli.K8S_STAGING_TOPOLOGY;

/** The values of a release: the topology's, the environment's, then what the user's config.yml says. */
export function valuesFor(release: Release, environment: Environment, configuration: Configuration, image: ImageValues): Values {
  const topology = topologyOf(configuration, environment);
  if (release.name === 'platform') {
    const staging = ['environments/staging-platform.yaml', `topologies/${topology}-platform-staging.yaml`];
    const beside = configuration.cli.K8S_ENVIRONMENTS.includes('staging') ? staging : [];
    return merge(...['environments/infra.yaml', `topologies/${topology}-platform.yaml`, ...beside].map(valuesFile));
  }
  if (release.name === 'monitoring') return valuesFile('environments/monitoring.yaml');
  return merge(valuesFile(`topologies/${topology}.yaml`), environmentValues(environment, configuration), {
    environment,
    topology,
    image,
    config: chosenServerSettings(configuration),
    entrance: entranceFor(configuration, environment),
    components: merge(replicas(configuration, environment), earlierBuilds(configuration, environment, { topology, newest: image.tag })),
  });
}

/** Without the chart monitoring there is no collector: traces then go where config.yml says, or nowhere. */
function environmentValues(environment: Environment, { cli }: Configuration): Values {
  const values = valuesFile(`environments/${environment}.yaml`);
  if (cli.K8S_MONITORING || !isMap(values['config'])) return values;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...config } = values['config'];
  return { ...values, config };
}

/** The public name of an environment, if it has one. */
export const hostOf = ({ cli }: Configuration, environment: Environment): string | undefined =>
  environment === 'prod' ? cli.K8S_HOST : cli.K8S_STAGING_HOST;

function entranceFor(configuration: Configuration, environment: Environment): Values {
  const { K8S_ENTRANCE: type, K8S_GATEWAY_CLASS: gatewayClass, K8S_INGRESS_CLASS: ingressClass } = configuration.cli;
  const host = hostOf(configuration, environment);
  return {
    type,
    ...(host !== undefined && { host }),
    ...(gatewayClass !== undefined && { gatewayApi: { className: gatewayClass } }),
    ...(ingressClass !== undefined && { ingress: { className: ingressClass } }),
  };
}

/** What the user chose in config.yml and a server reads. The environment of this shell is not part of an installation. */
export function chosenServerSettings(configuration: Configuration): Record<string, string> {
  const chosen = Object.entries(allSettings).flatMap(([key, entry]) => {
    const value = configuration.text(key);
    const ours = configuration.origin(key) === 'config.yml' && !entry.secret && !notForContainers.test(key);
    return ours && value !== undefined ? [[key, value] as const] : [];
  });
  return Object.fromEntries(chosen.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function replicas(configuration: Configuration, environment: Environment): Values {
  const wanted = parseReplicas(configuration.cli.K8S_REPLICAS ?? []).filter((one) => one.environment === environment);
  return Object.fromEntries(wanted.map(({ component, count }) => [component, { replicas: count }]));
}

/** Workers of orders that began on earlier builds. The newest may be one of them that is current again. */
function earlierBuilds(
  configuration: Configuration,
  environment: Environment,
  { topology, newest }: { topology: Topology; newest: string },
): Values {
  const builds = parseEarlierBuilds(configuration.cli.K8S_EARLIER_BUILDS ?? [], environment).filter(({ tag }) => tag !== newest);
  if (builds.length === 0) return {};
  return { [topology === 'services' ? 'orders-worker' : 'worker']: { deploymentVersioning: { previousBuilds: builds } } };
}

export type Replicas = { environment: string; component: string; count: number };

/** Entries of K8S_REPLICAS: `prod/orders-api=3`. */
export function parseReplicas(entries: readonly string[]): Replicas[] {
  return entries.map((entry) => {
    const match = /^([a-z]+)\/([a-z0-9-]+)=(\d+)$/.exec(entry);
    if (!match?.[1] || !match[2]) {
      throw new CommandError('invalid', `K8S_REPLICAS holds "${entry}"`, {
        fix: 'write it as prod/orders-api=3, or use "waybill k8s scale"',
      });
    }
    return { environment: match[1], component: match[2], count: Number(match[3]) };
  });
}

/** A values file of the repository; a topology need not say anything about every chart. */
function valuesFile(name: string): Values {
  const path = join(deployFolder, name);
  if (!existsSync(path)) return {};
  return (parse(readFileSync(path, 'utf8')) as Values | null) ?? {}; // our own files, checked by the charts' schemas
}

/** Maps are merged, everything else is replaced, as Helm does it. */
export function merge(...all: readonly Values[]): Values {
  const result: Values = {};
  for (const values of all) {
    for (const [key, value] of Object.entries(values)) {
      const before = result[key];
      result[key] = isMap(before) && isMap(value) ? merge(before, value) : value;
    }
  }
  return result;
}

const isMap = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
