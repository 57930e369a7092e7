import { pino } from 'pino';
import { traceFields } from './tracing.ts';

export type LogFields = Record<string, unknown>;

/** Constant lower-case message, facts in fields, `err` last. `error` means that a person must act. */
export type Logger = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

function wrap(target: pino.Logger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields) => wrap(target.child(fields)),
  };
}

/** JSON lines to standard output, synchronously, so that the last words of a dying process are not lost. */
export function createLogger(options: { level: LogLevel; fields?: LogFields }): Logger {
  return wrap(
    pino({
      level: options.level,
      base: options.fields ?? {},
      mixin: () => traceFields() ?? {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.errWithCause },
    }),
  );
}

export const silentLogger: Logger = createLogger({ level: 'silent' });

/** Lets one line of a kind through per interval and says how many it held back, so that an outage does not flood the log. */
export function limitLogger(log: Logger, intervalMs = 10_000): Logger {
  const seen = new Map<string, { until: number; held: number }>();
  const limited = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    const now = Date.now();
    const entry = seen.get(message);
    if (entry && entry.until > now) {
      entry.held++;
      return;
    }
    if (seen.size > 1_000) seen.clear(); // messages are constants; this bounds a mistake
    seen.set(message, { until: now + intervalMs, held: 0 });
    log[level](message, entry?.held ? { ...fields, heldBack: entry.held } : fields);
  };
  return {
    debug: limited('debug'),
    info: limited('info'),
    warn: limited('warn'),
    error: limited('error'),
    child: (fields) => limitLogger(log.child(fields), intervalMs),
  };
}
