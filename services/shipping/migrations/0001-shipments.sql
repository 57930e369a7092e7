create table shipment (
  id text primary key,
  fulfillment_id text not null unique,
  order_id text not null,
  status text not null,
  -- Null on a tombstone: called off before it was ever booked.
  location_id text,
  shipping_method text,
  address jsonb,
  lines jsonb not null default '[]',
  report_to jsonb,
  carrier text,
  carrier_reference text,
  -- The last event's sequence.
  version integer not null,
  booked_at timestamptz,
  dispatched_at timestamptz,
  delivered_at timestamptz,
  -- When the simulated carrier reports next.
  next_report_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index shipment_order on shipment (order_id, id);
create index shipment_status on shipment (status, id) where booked_at is not null;
create index shipment_next_report on shipment (next_report_at) where next_report_at is not null;

-- What carriers reported, first of all and for ever: a report is never lost, and never applied twice.
create table carrier_event (
  shipment_id text not null references shipment,
  event_id text not null,
  status text not null,
  -- As the carrier says it.
  occurred_at timestamptz,
  received_at timestamptz not null default now(),
  -- False: it told of a step behind the shipment's.
  applied boolean not null,
  primary key (shipment_id, event_id)
);
