import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@waybill/embedded/ports';
import { childExit } from '@waybill/embedded/processes';

export type Target = { address: string; labels: Record<string, string> };
export type Sample = { metric: Record<string, string>; value: [number, string] };
export type Alert = { labels: Record<string, string>; state: 'pending' | 'firing' };

export type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;

/** A real Prometheus with the alerts of deploy/alerts, which wait seconds here in place of minutes. Its program must be on the PATH. */
export async function startPrometheus(options: { folder: string; rules: string; targets: readonly Target[] }) {
  const port = await freePort();
  const folder = join(options.folder, 'prometheus');
  await mkdir(folder, { recursive: true });
  await cp(options.rules, join(folder, 'rules'), { recursive: true });
  for (const name of await readdir(join(folder, 'rules'))) {
    const path = join(folder, 'rules', name);
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(/^( +for: )\w+$/gm, '$15s'));
  }
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(folder, 'rules', '*.yaml')],
    scrape_configs: [{ job_name: 'pods', static_configs: options.targets.map(({ address, labels }) => ({ targets: [address], labels })) }],
  };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config)); // JSON is YAML
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: 'inherit' },
  );
  const url = `http://127.0.0.1:${port}`;

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${body.error}`);
    return body.data;
  }

  return {
    ask,
    /** What an expression gives now. Rejects with what Prometheus says of it. */
    query: async (expression: string): Promise<Sample[]> =>
      (await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
    alerts: async (): Promise<Alert[]> => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await childExit(child);
    },
  };
}
