type Query = <T extends Record<string, unknown>>(text: string, values?: unknown[]) => Promise<T[]>;

/** Everything the simulated payment provider knows, as rows of its tables. */
export type Book = { charges: Charge[]; requests: Row[]; entries: Row[] };
type Row = Record<string, unknown> & { reference: string };
type Charge = Row & { key: string };

// It keeps its book beside billing's tables, and a real one's would survive what happens to us.
export async function readBook(query: Query): Promise<Book> {
  const rows = async <T extends Row>(table: string) =>
    (await query<{ row: T }>(`select to_jsonb(t) as row from ${table} t`)).map(({ row }) => row);
  return {
    charges: await rows<Charge>('simulated_charge'),
    requests: await rows('simulated_request'),
    entries: await rows('simulated_entry'),
  };
}

/** What of it is about these payments, by their keys. */
export function aboutPayments({ charges, requests, entries }: Book, keys: ReadonlySet<string>): Book {
  const own = charges.filter(({ key }) => keys.has(key));
  const references = new Set(own.map(({ reference }) => reference));
  const isOwn = ({ reference }: Row) => references.has(reference);
  return { charges: own, requests: requests.filter(isOwn), entries: entries.filter(isOwn) };
}

/** Gives a provider that was put back with billing's tables what it had learnt since. */
export async function writeBook(query: Query, { charges, requests, entries }: Book): Promise<void> {
  await query(
    `insert into simulated_charge select * from jsonb_populate_recordset(null::simulated_charge, $1)
     on conflict (reference) do update set status = excluded.status, captured = excluded.captured, refunded = excluded.refunded`,
    [JSON.stringify(charges)],
  );
  await query('insert into simulated_request select * from jsonb_populate_recordset(null::simulated_request, $1) on conflict do nothing', [
    JSON.stringify(requests),
  ]);
  // Ids go on from where they were put back to, so those of the book may be taken.
  await query(
    `insert into simulated_entry (reference, kind, amount, at)
     select r.reference, r.kind, r.amount, r.at from jsonb_populate_recordset(null::simulated_entry, $1) r
     where not exists (select from simulated_entry e where (e.reference, e.kind, e.at) = (r.reference, r.kind, r.at)) order by r.id`,
    [JSON.stringify(entries)],
  );
}
