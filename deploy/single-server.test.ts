import { readChartValues } from '@waybill/cli/docker/chart-values';
import { caddyfile } from '@waybill/cli/docker/entrance';
import { temporalDynamicConfig, temporalServerConfig } from '@waybill/cli/docker/temporal-config';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Rendering, render } from './testing/render.ts';

/** A ConfigMap as the chart renders it, in the words of a single server. */
async function fileOf(rendering: Rendering, name: string, key: string): Promise<string> {
  const map = (await render(rendering)).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  const text: string = map?.['data'][key];
  return text
    .replaceAll('{{ env "POD_IP" }}', '127.0.0.1')
    .replaceAll('postgresql:5432', 'postgres:5432')
    .replaceAll('/run/secrets/platform/', '/run/secrets/waybill/')
    .replaceAll('gateway:3000', 'waybill:3000');
}

const platform = { chart: 'platform', alone: true } as const;

it('a single server’s Temporal is configured as the chart’s, but for its address', async () => {
  expect(parse(temporalServerConfig(readChartValues()))).toEqual(parse(await fileOf(platform, 'temporal-config', 'server.yaml')));
  expect(parse(temporalDynamicConfig(readChartValues()))).toEqual(parse(await fileOf(platform, 'temporal-config', 'dynamic-config.yaml')));
});

it('a single server’s Caddy is configured as the chart’s', async () => {
  const set = { 'entrance.type': 'caddy', 'entrance.host': 'shop.example.com' };
  expect(caddyfile({ tls: true, host: 'shop.example.com' }).trim()).toBe(
    (await fileOf({ chart: 'waybill', set }, 'caddy', 'Caddyfile')).trim(),
  );
});
