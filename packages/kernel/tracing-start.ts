import { type Setting, type SettingsOf, type SettingsSchema, setting } from './config.ts';
import type { Logger } from './log.ts';
import { isTracing, setTracing } from './tracing.ts';

const ratio: Setting<number> = {
  kind: 'number 0 to 1',
  description: 'The share of traces that is recorded. A caller that sent a traceparent has decided already.',
  default: '1',
  parse(text) {
    const value = Number(text);
    return text.trim() !== '' && value >= 0 && value <= 1 ? { ok: true, value } : { ok: false, expected: 'a number from 0 to 1' };
  },
};

export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.optional(
    setting.url({
      description: 'Where traces go: the address of an OTLP/HTTP receiver, such as http://otel-collector:4318. Off without it.',
    }),
  ),
  OTEL_TRACES_SAMPLE_RATIO: ratio,
} satisfies SettingsSchema;

/** Begins to trace, if the settings say where to. Call it before anything else is opened. Returns how to end it. */
export async function startTracing(options: {
  settings: SettingsOf<typeof tracingSettings>;
  /** `service.name` of every span: the role, or the product in a process with several. */
  name: string;
  log: Logger;
}): Promise<() => Promise<void>> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLE_RATIO: sampled } = options.settings;
  if (!endpoint || isTracing()) return async () => {};
  const { openTraceExport } = await import('./tracing-export.ts'); // most processes never need the SDK
  const started = openTraceExport({ ...options, endpoint, sampled });
  setTracing(started);
  return async () => {
    setTracing(undefined);
    await started.close();
  };
}
