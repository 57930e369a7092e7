import { type SettingsOf, type SettingsSchema, setting } from './config.ts';
import { temporalSettings } from './temporal-client.ts';
import { versionSettings } from './worker-version.ts';

// Apart from the worker itself: every process knows these settings, and only one with a worker loads the SDK's part for it.
export const workerSettings = {
  ...temporalSettings,
  ...versionSettings,
  TEMPORAL_MAX_CACHED_WORKFLOWS: setting.integer({
    description: 'Orders a worker keeps in memory between their steps; others are replayed when something happens to them.',
    default: '200',
    min: 0,
    max: 100_000,
  }),
  TEMPORAL_CALL_STACKS: setting.boolean({
    description:
      'Let the Temporal UI show call stacks of workflows, and stop workflow code that loops without end after 5 s. Costs almost half of a worker’s speed.',
    default: 'false',
  }),
  TEMPORAL_METRICS_ADDRESS: setting.optional(
    setting.text({ description: 'host:port of one more listener, with the metrics of the Temporal SDK. One per process. Off without it.' }),
  ),
} satisfies SettingsSchema;

export type WorkerSettings = SettingsOf<typeof workerSettings>;
