import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Configuration } from '../configuration.ts';
import { deployFolder } from '../k8s/releases.ts';
import { chosenServerSettings } from '../k8s/values.ts';
import { codecUrl, uiOrigins } from '../local/installation.ts';
import type { Root } from '../root.ts';
import { appServices } from './app-services.ts';
import { readChartValues } from './chart-values.ts';
import { caddyfile, type Entrance, entranceOf } from './entrance.ts';
import { platformServices, secretsVolume } from './platform-services.ts';
import { consumerNames } from './secret-files.ts';
import type { ComposeService } from './service.ts';
import { temporalDynamicConfig, temporalServerConfig } from './temporal-config.ts';

/** All that a single server runs, before it is written. */
export type Project = {
  name: string;
  entrance: Entrance;
  services: Record<string, ComposeService>;
  /** Files beside the compose file, by their paths. */
  files: Record<string, string>;
};

/** Names containers and volumes. Made of the root folder, so that two installations never share a volume. */
export const projectName = (root: Root): string => `waybill-${digest(root.path).slice(0, 8)}`;

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

export function createProject(root: Root, configuration: Configuration, image: string): Project {
  const values = readChartValues();
  const entrance = entranceOf(configuration);
  const namespace = configuration.text('TEMPORAL_NAMESPACE') ?? 'default';
  const uiPort = configuration.cli.LOCAL_TEMPORAL_UI_PORT;
  const origins = uiOrigins(uiPort);
  const url = codecUrl(configuration);
  const temporal = { 'server.yaml': temporalServerConfig(values), 'dynamic-config.yaml': temporalDynamicConfig(values) };
  const caddy = caddyfile(entrance);
  return {
    name: projectName(root),
    entrance,
    services: {
      ...platformServices(values, digest(JSON.stringify(temporal)).slice(0, 12), { port: uiPort, namespace, codecUrl: url, origins }),
      ...appServices(
        values,
        {
          image,
          settings: chosenServerSettings(configuration),
          codec: { port: Number(configuration.text('CODEC_PORT')), url, origins },
          namespace,
        },
        entrance,
        digest(caddy).slice(0, 12),
      ),
    },
    files: {
      'caddy/Caddyfile': caddy,
      ...under('temporal', temporal),
      'namespaces/namespaces': `${namespace} ${values.temporal.namespaces[0]?.retention ?? '72h'}\n`,
      ...under('scripts', { ...scriptsIn('charts/platform/files'), ...scriptsIn('docker') }),
    },
  };
}

const under = (folder: string, files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));

function scriptsIn(folder: string): Record<string, string> {
  const names = readdirSync(join(deployFolder, folder)).filter((name) => name.endsWith('.sh'));
  return Object.fromEntries(names.toSorted().map((name) => [name, readFileSync(join(deployFolder, folder, name), 'utf8')]));
}

/** The compose file. No secret is in it: they are files, and it names them only. */
export function composeFile({ name, services }: Project): string {
  const volumes = ['postgres', 'caddy', ...consumerNames.map(secretsVolume)];
  const content = {
    name,
    services,
    // PostgreSQL and Temporal have no way out, and Caddy none to them.
    networks: { front: {}, back: { internal: true } },
    volumes: Object.fromEntries(volumes.map((volume) => [volume, {}])),
  };
  const text = stringify(escapeDollars(content), { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
  return `# Rendered by waybill; changes here are lost. "waybill local start" writes it anew.\n${text}`;
}

/** Compose would take what follows a dollar for a variable of its own. */
function escapeDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escapeDollars);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, escapeDollars(entry)]));
}
