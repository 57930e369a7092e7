import { seedCatalog } from '@waybill/catalog/seed';
import { seedInventory } from '@waybill/inventory/seed';
import { type Database, openDatabase } from '@waybill/kernel/database';
import type { Logger } from '@waybill/kernel/log';
import { databaseUrlOf, type MigrationSettings } from './settings.ts';

/** Adds what is missing of the demo catalogue and its stock. Safe to repeat. */
export async function seedAll(settings: MigrationSettings, log: Logger): Promise<void> {
  const seed = async <T>(name: 'catalog' | 'inventory', fill: (database: Database<T>) => Promise<void>) => {
    const database = openDatabase<T>({ url: databaseUrlOf(settings, name), max: 1, name: `${name} seed`, log });
    try {
      await fill(database);
    } finally {
      await database.close();
    }
  };
  await seed('catalog', seedCatalog);
  await seed('inventory', seedInventory);
  log.info('demo catalogue is there');
}
