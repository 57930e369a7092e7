create table payment (
  id text primary key,
  -- <fulfillment id>/<generation>, chosen by the order
  key text not null unique,
  order_id text not null,
  fulfillment_id text not null,
  customer_id text,
  amount bigint not null check (amount >= 0),
  currency text not null,
  provider text,
  status text not null,
  captured bigint not null default 0,
  refunded bigint not null default 0,
  reference text,
  decline_reason text,
  expires_at timestamptz,
  -- The last event's sequence.
  version integer not null default 0,
  -- The step that is or was being taken at the provider: one at a time, whoever holds lease_number.
  lease_step text,
  lease_number integer not null default 0,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (captured between 0 and amount),
  check (refunded between 0 and captured)
);
create index payment_order on payment (order_id, id);
create index payment_status on payment (status, id);
create index payment_expiry on payment (expires_at) where status = 'authorized';

-- What each finished step answered: a repeat gets the same.
create table payment_step (
  payment_id text not null references payment,
  step text not null,
  result jsonb not null,
  finished_at timestamptz not null default now(),
  primary key (payment_id, step)
);
