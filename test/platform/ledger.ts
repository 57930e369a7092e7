import pg from 'pg';
import type { ServiceName } from './platform.ts';

/** Where each service keeps its rows. */
type Platform = { databaseUrl(service: ServiceName): string };

type Check = { service: ServiceName; rule: string; broken: string };

/** Rules over the rows of all services. Each query finds what breaks the rule, so an empty answer is a pass. */
const rules: readonly Check[] = [
  {
    service: 'orders',
    rule: 'every order has ended',
    broken: `select id, status from orders where status in ('pending', 'processing', 'customerActionRequired', 'onHold', 'backordered')`,
  },
  {
    service: 'orders',
    rule: 'events of an order are numbered without a gap and begin with its placement',
    broken: `select order_id, count(*), max(sequence) from order_event group by order_id
             having count(*) <> max(sequence) or min(sequence) <> 1 or (array_agg(type order by sequence))[1] <> 'order.placed'`,
  },
  {
    service: 'orders',
    rule: 'the last event of an order names its end, and no other event does',
    broken: `select o.id, o.status, e.types from orders o join (select order_id, array_agg(type order by sequence desc) as types from order_event group by order_id) e on e.order_id = o.id
             where e.types[1] <> 'order.' || o.status
                or (select count(*) from unnest(e.types) t where t in ('order.completed', 'order.partiallyCompleted', 'order.cancelled', 'order.timedOut', 'order.failed')) <> 1`,
  },
  {
    service: 'orders',
    rule: 'every event went into the outbox once, and was published',
    broken: `select coalesce(e.order_id, b.aggregate_id), coalesce(e.sequence, b.sequence) from order_event e
             full join outbox b on b.aggregate_id = e.order_id and b.sequence = e.sequence
             where e.order_id is null or b.aggregate_id is null or b.type <> e.type or b.published_at is null`,
  },
  {
    service: 'inventory',
    rule: 'stock is never negative nor over-reserved',
    broken: 'select * from stock where reserved < 0 or reserved > on_hand',
  },
  {
    service: 'inventory',
    rule: 'nothing stays reserved when every order has ended',
    broken: 'select sku, location_id, reserved from stock where reserved <> 0',
  },
  {
    service: 'inventory',
    rule: 'movements explain what is on hand',
    broken: `select s.sku, s.location_id, s.on_hand, coalesce(sum(m.delta), 0) from stock s left join movement m using (sku, location_id)
             group by s.sku, s.location_id, s.on_hand having s.on_hand <> coalesce(sum(m.delta), 0)`,
  },
  {
    service: 'inventory',
    rule: 'nothing is held by a reservation any more',
    broken: `select * from reservation_line where status = 'held'`,
  },
  {
    service: 'inventory',
    rule: 'an ended order was consumed once',
    broken: `select aggregate_id, count(*) from inbox where consumer like '%' group by aggregate_id having count(*) <> 1 or bool_or(processed_at is null)`,
  },
  {
    service: 'billing',
    rule: "the provider's own book has at most one authorization in force and one capture per payment",
    broken: `select c.key, array_agg(e.kind) from simulated_charge c join simulated_entry e using (reference)
             group by c.key having count(*) filter (where e.kind = 'capture') > 1
               or count(*) filter (where e.kind = 'authorize') - count(*) filter (where e.kind = 'void') > 1
               or sum(e.amount) filter (where e.kind = 'refund') > coalesce(sum(e.amount) filter (where e.kind = 'capture'), 0)`,
  },
  {
    service: 'billing',
    rule: "billing's payments and the provider's book agree",
    broken: `select p.id, p.status, p.captured, p.refunded from payment p
             left join (select c.key, coalesce(sum(e.amount) filter (where e.kind = 'capture'), 0) as captured, coalesce(sum(e.amount) filter (where e.kind = 'refund'), 0) as refunded
                        from simulated_charge c join simulated_entry e using (reference) group by c.key) b on b.key = p.key
             where p.captured <> coalesce(b.captured, 0) or p.refunded <> coalesce(b.refunded, 0)`,
  },
  {
    service: 'billing',
    rule: 'no money stays authorized when every order has ended',
    broken: `select id, order_id, status from payment where status in ('authorized', 'requiresAction')`,
  },
  ...(['catalog', 'inventory', 'billing', 'shipping'] as const).map(
    (service): Check => ({
      service,
      rule: `every event of ${service} was published`,
      broken: 'select aggregate_id, sequence, type, last_error from outbox where published_at is null',
    }),
  ),
];

async function query<T extends pg.QueryResultRow>(
  platform: Platform,
  service: ServiceName,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: platform.databaseUrl(service) });
  await client.connect();
  try {
    return (await client.query<T>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Every broken rule with some of what breaks it; empty when the books are right. Relays may be behind: ask again before believing it. */
async function auditLedger(platform: Platform, accepted: readonly string[]): Promise<string[]> {
  const findings: string[] = [];
  for (const { service, rule, broken } of rules) {
    const rows = await query(platform, service, broken);
    if (rows.length > 0) findings.push(`${service}: ${rule}: ${rows.length} rows break it, such as ${JSON.stringify(rows.slice(0, 3))}`);
  }
  const stored = new Map(
    (
      await query<{ id: string; status: string; total: number; fulfillments: { lines: { quantity: number }[]; status: string }[] }>(
        platform,
        'orders',
        'select id, status, total::float8 as total, fulfillments from orders',
      )
    ).map((row) => [row.id, row]),
  );
  const lost = accepted.filter((id) => !stored.has(id));
  if (lost.length > 0) findings.push(`orders: ${lost.length} accepted orders are gone, such as ${lost[0]}`);
  const money = await query<{ order_id: string; net: number }>(
    platform,
    'billing',
    'select order_id, sum(captured - refunded)::float8 as net from payment group by order_id',
  );
  const net = new Map(money.map((row) => [row.order_id, row.net]));
  for (const { id, status, total } of stored.values()) {
    const due = status === 'completed' ? total : status === 'partiallyCompleted' ? undefined : 0;
    if (due !== undefined && (net.get(id) ?? 0) !== due)
      findings.push(`billing: order ${id} is ${status} and should have cost ${due}, but ${net.get(id) ?? 0} was taken`);
  }
  return findings;
}

/** Audits until the books are right or the time is over, since events may still be on their way. */
export async function untilBalanced(platform: Platform, accepted: readonly string[], timeoutMs = 30_000): Promise<string[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const findings = await auditLedger(platform, accepted);
    if (findings.length === 0 || Date.now() > deadline) return findings;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
