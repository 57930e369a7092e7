import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { deployFolder } from '../k8s/releases.ts';
import { merge, type Values } from '../k8s/values.ts';

type Image = { repository: string; tag: string; digest?: string };
type Resources = { limits: { memory: string } };

/** What a single server has in common with the charts, taken from their values, so that images and sizes are said once. */
export type ChartValues = {
  postgresql: { image: Image; adminUser: string; userId: number; parameters: Record<string, string | number>; resources: Resources };
  temporal: {
    database: { login: string; name: string; visibilityName: string; maxConnections: number; maxVisibilityConnections: number };
    schema: { waitSeconds: number };
    adminTools: { image: Image };
    server: {
      image: Image;
      historyShards: number;
      logLevel: string;
      goMemoryLimit: string;
      goGc: number;
      dynamicConfig: Record<string, string | number | boolean>;
      resources: Resources;
    };
    namespaces: { retention: string }[];
    namespaceJob: { waitSeconds: number };
    ui: { image: Image; goMemoryLimit: string; resources: Resources };
  };
  components: { worker: { config: Record<string, string | number> } };
  entrance: { caddy: { image: string; resources: Resources } };
  migration: { wait: string };
};

/** The charts waybill and platform in the topology that packs everything together. */
export function readChartValues(): ChartValues {
  const files = [
    'charts/waybill/values.yaml',
    'charts/platform/values.yaml',
    'environments/infra.yaml',
    'topologies/compact-platform.yaml',
  ];
  const values = files.map((name) => parse(readFileSync(join(deployFolder, name), 'utf8')) as Values); // our own files
  return merge(...values) as ChartValues; // their shape is checked by the charts' schemas, and by the tests of what is rendered
}

export const imageName = ({ repository, tag, digest }: Image): string => `${repository}:${tag}${digest ? `@${digest}` : ''}`;

/** Docker's way of writing the same figure. */
export const memoryOf = ({ limits }: Resources): string => limits.memory.replace(/i$/, '').toLowerCase();
