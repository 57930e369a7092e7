-- The simulated provider's own book. Billing's code never reads or writes these tables: a real third party would not let it.
create table simulated_charge (
  reference text primary key,
  -- The merchant's metadata. Not unique: a provider does not know that two charges are one payment, so a test can see a double.
  key text not null,
  token text not null,
  amount bigint not null,
  currency text not null,
  status text not null check (status in ('authorized', 'captured', 'refunded', 'declined', 'voided')),
  captured bigint not null default 0,
  refunded bigint not null default 0,
  declined_captures integer not null default 0,
  reason text,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index simulated_charge_key on simulated_charge (key, created_at);

create table simulated_request (
  idempotency_key text primary key,
  reference text not null,
  answer jsonb not null,
  created_at timestamptz not null default now()
);

-- Every movement that really happened.
create table simulated_entry (
  id bigint generated always as identity primary key,
  reference text not null references simulated_charge,
  kind text not null check (kind in ('authorize', 'capture', 'void', 'refund')),
  amount bigint not null,
  at timestamptz not null default now()
);
create index simulated_entry_reference on simulated_entry (reference);

create table simulated_outage (
  key text primary key,
  since timestamptz not null default now()
);
