import { env } from 'node:process';
import { seedCatalog } from '@waybill/catalog/seed';
import { seedInventory } from '@waybill/inventory/seed';
import { type Database, openDatabase } from '@waybill/kernel/database';
import { createLogger } from '@waybill/kernel/log';
import { migrateAll } from '@waybill/server/migrate';
import { databaseUrlOf, loadMigrationSettings } from '@waybill/server/settings';

const log = createLogger({ level: 'info', fields: { process: 'databases' } });

try {
  const settings = loadMigrationSettings({ environment: env });
  const seed = async <T>(name: 'catalog' | 'inventory', fill: (database: Database<T>) => Promise<void>) => {
    const database = openDatabase<T>({ url: databaseUrlOf(settings, name), max: 1, name: `${name} seed`, log });
    try {
      await fill(database);
    } finally {
      await database.close();
    }
  };
  for (const job of process.argv.slice(2)) {
    if (job === 'migrate') await migrateAll(settings, log);
    if (job === 'seed') {
      await seed('catalog', seedCatalog);
      await seed('inventory', seedInventory);
      log.info('demo catalogue is there');
    }
  }
} catch (err) {
  log.error('the work on the databases failed', { err });
  process.exitCode = 1;
}
