import { env } from 'node:process';
import { createLogger } from '@waybill/kernel/log';
import { migrateAll } from '@waybill/server/migrate';
import { seedAll } from '@waybill/server/seed';
import { loadMigrationSettings } from '@waybill/server/settings';

const log = createLogger({ level: 'info', fields: { process: 'databases' } });

try {
  const settings = loadMigrationSettings({ environment: env });
  for (const job of process.argv.slice(2)) {
    if (job === 'migrate') await migrateAll(settings, log);
    if (job === 'seed') await seedAll(settings, log);
  }
} catch (err) {
  log.error('the work on the databases failed', { err });
  process.exitCode = 1;
}
