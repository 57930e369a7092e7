import type { Kysely } from 'kysely';
import type { InventoryTables } from '../tables.ts';

export type Location = { id: string; name: string; country: string; postalCode: string; priority: number };

const columns = ['id', 'name', 'country', 'postal_code as postalCode', 'priority'] as const;

export function createLocationStore(db: Kysely<InventoryTables>) {
  return {
    list({ after, limit }: { after?: string | undefined; limit: number }): Promise<Location[]> {
      const query = db.selectFrom('location').select(columns).orderBy('id').limit(limit);
      return (after === undefined ? query : query.where('id', '>', after)).execute();
    },

    find(id: string): Promise<Location | undefined> {
      return db.selectFrom('location').select(columns).where('id', '=', id).executeTakeFirst();
    },

    /** Undefined: the id is taken. */
    add({ id, name, country, postalCode, priority }: Location): Promise<Location | undefined> {
      return db
        .insertInto('location')
        .values({ id, name, country, postal_code: postalCode, priority })
        .onConflict((conflict) => conflict.doNothing())
        .returning(columns)
        .executeTakeFirst();
    },
  };
}

export type LocationStore = ReturnType<typeof createLocationStore>;
