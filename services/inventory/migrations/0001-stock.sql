create table location (
  id text primary key,
  name text not null,
  country text not null,
  postal_code text not null,
  priority integer not null,
  created_at timestamptz not null default now()
);

-- Room in each page, so that the updates of a much sold SKU stay on it and touch no index.
create table stock (
  sku text not null,
  location_id text not null references location (id),
  on_hand integer not null,
  reserved integer not null,
  version integer not null,
  updated_at timestamptz not null default now(),
  primary key (sku, location_id),
  constraint stock_within_bounds check (0 <= reserved and reserved <= on_hand and on_hand <= 1000000000)
) with (fillfactor = 50);

create index stock_by_location on stock (location_id, sku);

create table reservation (
  order_id text not null,
  generation integer not null,
  status text not null check (status in ('leased', 'committed', 'released', 'expired')),
  expires_at timestamptz,
  committed_at timestamptz,
  -- What the order was answered; null in a tombstone.
  result jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, generation)
);

create index reservation_due on reservation (expires_at) where status = 'leased';

-- No foreign key to stock: its share locks would pile up on the row of a much sold SKU, and stock rows are never deleted.
create table reservation_line (
  order_id text not null,
  generation integer not null,
  location_id text not null,
  line_id text not null,
  sku text not null,
  quantity integer not null check (quantity > 0),
  status text not null default 'held' check (status in ('held', 'dispatched', 'released')),
  primary key (order_id, generation, location_id, line_id),
  foreign key (order_id, generation) references reservation (order_id, generation)
);

-- Append-only: every change of on_hand, so that the deltas of a SKU at a location add up to its on_hand.
create table movement (
  id bigint generated always as identity primary key,
  sku text not null,
  location_id text not null,
  delta integer not null check (delta <> 0),
  reason text not null,
  order_id text,
  on_hand integer not null,
  reserved integer not null,
  actor text,
  idempotency_key text,
  created_at timestamptz not null default now()
);

create unique index movement_key on movement (actor, idempotency_key) where idempotency_key is not null;
create index movement_by_sku on movement (sku, id);
create index movement_by_location on movement (location_id, id);
