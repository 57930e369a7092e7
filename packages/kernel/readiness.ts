import type { Meter } from '@opentelemetry/api';
import { WaybillError } from './errors.ts';
import type { Logger } from './log.ts';

export type ReadinessCheck = {
  name: string;
  /** Resolves when the dependency answers. */
  check(): Promise<void>;
  /** Without it this process cannot do its work, so it must not be given any. */
  needed: boolean;
};

export type ReadinessReport = {
  ready: boolean;
  draining: boolean;
  checks: readonly { name: string; ok: boolean; needed: boolean; error?: string }[];
};

export type Readiness = {
  /** Looks again when the last look is more than a second old; concurrent callers share one look. */
  report(): Promise<ReadinessReport>;
  /** From now on not ready, whatever the dependencies say: the process is on its way out. */
  drain(): void;
};

const maxAgeMs = 1_000;

export function createReadiness(
  checks: readonly ReadinessCheck[],
  options: { log?: Logger; meter?: Meter; timeoutMs?: number } = {},
): Readiness {
  const timeoutMs = options.timeoutMs ?? 2_000;
  const last = new Map<string, boolean>();
  let draining = false;
  let looked: { at: number; report: Promise<ReadinessReport> } | undefined;

  async function look(): Promise<ReadinessReport> {
    const results = await Promise.all(
      checks.map(async ({ name, check, needed }) => {
        const failure = await failureOf(check, timeoutMs);
        const ok = failure === undefined;
        if (last.get(name) !== ok && (!ok || last.has(name))) {
          options.log?.[ok ? 'info' : 'warn'](ok ? 'dependency is back' : 'dependency is out', {
            dependency: name,
            ...(ok ? {} : { err: failure }),
          });
        }
        last.set(name, ok);
        return { name, ok, needed, ...(ok ? {} : { error: reasonOf(failure) }) };
      }),
    );
    return { ready: results.every(({ ok, needed }) => ok || !needed), draining: false, checks: results };
  }

  options.meter
    ?.createObservableGauge('waybill_dependency_up', {
      description: '1 while the process reaches what it needs, as of the last look at /readyz',
    })
    .addCallback((result) => {
      for (const [dependency, ok] of last) result.observe(ok ? 1 : 0, { dependency });
    });

  return {
    async report() {
      const now = performance.now();
      if (!looked || now - looked.at > maxAgeMs) looked = { at: now, report: look() };
      const report = await looked.report;
      return draining ? { ...report, ready: false, draining } : report;
    },
    drain() {
      draining = true;
    },
  };
}

async function failureOf(check: () => Promise<void>, timeoutMs: number): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      check(),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new WaybillError('unavailable', `no answer within ${timeoutMs} ms`)), timeoutMs);
      }),
    ]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** /readyz is open to everybody: a message of ours may go there, one of a library stays in the log. */
const reasonOf = (error: Error): string => (error instanceof WaybillError ? error.message : 'it does not work; the log says why');
