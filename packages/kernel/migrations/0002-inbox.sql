-- Events of other services, once per consumer: the key makes a second delivery a no-op.
create table inbox (
  consumer text not null,
  event_id text not null,
  aggregate_id text not null,
  sequence integer not null,
  event jsonb not null,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  attempts integer not null default 0,
  retry_at timestamptz,
  last_error text,
  primary key (consumer, event_id)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);

create index inbox_unprocessed on inbox (consumer, aggregate_id, sequence) where processed_at is null;

create index inbox_held on inbox (consumer, aggregate_id, sequence) where processed_at is null and retry_at is not null;

-- For pruning, oldest first.
create index inbox_received on inbox (received_at);
