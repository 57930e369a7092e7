import { loadSettings, type SettingsOf, type SettingsSchema, type SettingsSources } from '@waybill/kernel/config';
import { encryptionSettings, openSettingsKeyRing } from '@waybill/kernel/encryption';
import { silentLogger } from '@waybill/kernel/log';
import { createTemporal, type Temporal } from '@waybill/kernel/temporal-client';
import { workerSettings } from '@waybill/kernel/worker-settings';
import { allSettings } from '../settings.ts';
import { defaultCacheDir } from '../workers.ts';

const operationSettings = { ...workerSettings, ...encryptionSettings };

export type OperationSettings = SettingsOf<typeof operationSettings>;

/** Reads what an operation needs: where Temporal is, and the key ring. No database, no other service. */
export const loadOperationSettings = (sources: SettingsSources): OperationSettings => loadSettings(operationSettings, sources, allSettings);

/** Where a server would look for the bundle of its workflow code. */
export function workflowCacheDirOf(sources: SettingsSources): string {
  const { WORKFLOW_CACHE_DIR: entry } = allSettings;
  const { WORKFLOW_CACHE_DIR: chosen } = loadSettings<SettingsSchema>(entry ? { WORKFLOW_CACHE_DIR: entry } : {}, sources, allSettings);
  return typeof chosen === 'string' ? chosen : defaultCacheDir;
}

export const openOperationRing = (settings: OperationSettings) => openSettingsKeyRing(settings, silentLogger);

/** Nobody waits in line behind an operation, and a crowded Temporal answers late. */
const patienceMs = 20_000;

export async function withTemporal<T>(settings: OperationSettings, work: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = createTemporal({
    settings: { ...settings, TEMPORAL_TIMEOUT: patienceMs },
    ring: openOperationRing(settings),
    identity: 'waybill-server',
  });
  try {
    return await work(temporal);
  } finally {
    await temporal.close();
  }
}
