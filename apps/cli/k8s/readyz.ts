import type { ReadinessCheck } from '../local/server.ts';
import { openForward } from './forward.ts';
import type { Session } from './session.ts';

/** What a pod's /readyz says is missing, a line each; nothing when it cannot be asked. */
export async function readinessText(session: Session, pod: { namespace: string; pod: string; port: number }): Promise<string> {
  const forward = await openForward(session, { namespace: pod.namespace, target: `pod/${pod.pod}`, port: pod.port }).catch(() => undefined);
  if (!forward) return '';
  try {
    const response = await fetch(`${forward.url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const body = (await response.json()) as { checks?: ReadinessCheck[] }; // the kernel's own shape; others have no checks
    const failing = (body.checks ?? []).filter(({ ok }) => !ok);
    return failing.map(({ name, error }) => `  │ ${name}: ${error ?? 'out'}`).join('\n');
  } catch {
    return '';
  } finally {
    forward.close();
  }
}
