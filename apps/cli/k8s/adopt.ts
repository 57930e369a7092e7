import { createRoot } from '../root.ts';
import { readSecrets, writeSecrets } from '../secrets.ts';
import type { KubeObject } from './objects.ts';
import type { Session } from './session.ts';

/** Secrets that the cluster has and the root folder has not: another machine made them. Returns their names. */
export async function adoptSecrets(session: Session): Promise<string[]> {
  const { context, environment, tools } = session;
  const sources = [
    { namespace: 'infra', name: 'platform-secrets', file: 'prod' },
    { namespace: 'monitoring', name: 'monitoring-secrets', file: 'prod' },
    { namespace: environment, name: 'waybill-secrets', file: environment },
  ];
  const adopted: string[] = [];
  for (const { namespace, name, file } of sources) {
    const args = ['get', 'secret', name, '--namespace', namespace, '--ignore-not-found', '--output', 'json'];
    const { stdout } = await tools.read('kubectl', args, { repeated: true });
    if (stdout.trim() === '') continue;
    const data = (JSON.parse(stdout) as KubeObject)['data'] as Record<string, string> | undefined; // a Secret's
    const known = readSecrets(context.root, file);
    const missing = Object.entries(data ?? {}).filter(([key]) => known[key] === undefined && key !== 'DATABASE_URL');
    if (missing.length === 0) continue;
    createRoot(context.root);
    writeSecrets(
      context.root,
      file,
      Object.fromEntries(missing.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')])),
    );
    adopted.push(...missing.map(([key]) => key));
  }
  return adopted;
}
