import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../failure.ts';
import type { Session } from './session.ts';

export type Forward = { url: string; port: number; close(): void; ended: Promise<void> };

export type ForwardTo = { namespace: string; target: string; port: number; localPort?: number };

/** Opens a way from a port of this machine (any free one by default) to a Service or pod. */
export async function openForward(session: Session, to: ForwardTo): Promise<Forward> {
  const ports = `${to.localPort ?? ''}:${to.port}`;
  const running = session.tools.background('kubectl', ['port-forward', '--namespace', to.namespace, to.target, ports]);
  const line = await Promise.race([running.firstLine, delay(20_000, 'late', { ref: false })]);
  const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
  if (port === undefined) {
    running.stop();
    throw new CommandError(
      'unavailable',
      `no way to ${to.target} in ${to.namespace} could be opened: ${line === 'late' ? 'nothing answered' : line}`,
      { fix: '"waybill k8s status" says whether it is ready' },
    );
  }
  return { url: `http://127.0.0.1:${port}`, port: Number(port), close: running.stop, ended: running.ended.then(() => undefined) };
}

/** A forward that is opened again, at the same port, whenever the pod behind it goes. Throws when it cannot be opened the first time. */
export async function keepForward(
  session: Session,
  to: ForwardTo,
  options: { signal: AbortSignal; lost?(): void; back?(): void },
): Promise<{ url: string; ended: Promise<void> }> {
  const { signal } = options;
  let forward = await openForward(session, to);
  const close = () => forward.close();
  signal.addEventListener('abort', close);
  if (signal.aborted) close();
  const keep = async () => {
    while (!signal.aborted) {
      await forward.ended;
      if (signal.aborted) return;
      options.lost?.();
      for (;;) {
        await delay(500, undefined, { signal }).catch(() => {});
        if (signal.aborted) return;
        const again = await openForward(session, { ...to, localPort: forward.port }).catch(() => undefined);
        if (!again) continue;
        forward = again;
        if (signal.aborted) forward.close();
        options.back?.();
        break;
      }
    }
  };
  return { url: forward.url, ended: keep().finally(() => signal.removeEventListener('abort', close)) };
}
