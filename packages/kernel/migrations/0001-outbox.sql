-- Events that this service's own statements wrote beside the change they tell of; the relay publishes them.
create table outbox (
  id bigint generated always as identity primary key,
  aggregate_id text not null,
  sequence integer not null check (sequence > 0),
  type text not null,
  time timestamptz not null default now(),
  data jsonb not null,
  signal jsonb,
  published_at timestamptz,
  attempts integer not null default 0,
  retry_at timestamptz,
  last_error text,
  constraint outbox_event unique (aggregate_id, sequence)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);

-- What waits to be published, in two kinds that travel apart: plain events, and those whose signal goes first.
create index outbox_plain on outbox (aggregate_id, sequence) where published_at is null and signal is null;
create index outbox_signals on outbox (aggregate_id, sequence) where published_at is null and signal is not null;

-- The few events that failed: found without looking through all that merely wait.
create index outbox_held on outbox (aggregate_id, sequence) where published_at is null and retry_at is not null;
