-- Order ids begin with the time of their making, so a range of ids is a range of time: partitions are months of ids.
create function ulid_floor(at timestamptz) returns text language plpgsql immutable strict as $$
declare
  digits constant text := '0123456789abcdefghjkmnpqrstvwxyz';
  rest bigint := floor(extract(epoch from at) * 1000);
  floor_text text := '';
begin
  for i in 1..10 loop
    floor_text := substr(digits, (rest % 32)::int + 1, 1) || floor_text;
    rest := rest / 32;
  end loop;
  return floor_text || repeat('0', 16);
end $$;

create sequence order_number_sequence;

-- One row is one order: the projection of its workflow, read and written whole. Only what lists filter by is a column.
create table orders (
  id text collate "C" primary key,
  number bigint not null,
  external_id text,
  customer_id text,
  placed_by text not null,
  currency text not null,
  status text not null,
  payment_status text not null,
  version integer not null,
  -- Of the last write that the workflow made: an older attempt at the same stretch of the story changes nothing.
  fence bigint not null default 0,
  last_sequence integer not null default 1,
  placed_at timestamptz not null,
  updated_at timestamptz not null default now(),
  lines jsonb not null,
  totals jsonb not null,
  total bigint not null,
  fulfillments jsonb not null default '[]',
  waiting_for jsonb,
  cancel_requested boolean not null default false,
  dispatched boolean not null default false,
  delivery jsonb not null,
  payment jsonb not null,
  started_at timestamptz
) partition by range (id);

create index orders_by_status on orders (status, id);
create index orders_by_customer on orders (customer_id, id) where customer_id is not null;
create index orders_by_number on orders (number);
create index orders_by_external_id on orders (external_id) where external_id is not null;
create index orders_pending on orders (id) where status = 'pending';

create table order_event (
  order_id text collate "C" not null,
  sequence integer not null,
  -- What happened, by name: the same thing is stored once, however often a workflow task had to be repeated.
  key text not null,
  type text not null,
  at timestamptz not null,
  actor text not null,
  reason text,
  data jsonb not null,
  primary key (order_id, sequence),
  unique (order_id, key)
) partition by range (order_id);

create table orders_other partition of orders default;
create table order_event_other partition of order_event default;

-- Unique for ever, also when a month's partition is detached.
create table order_number (
  number bigint primary key,
  order_id text not null
);
create index order_number_by_order on order_number (order_id);
create table order_external_id (
  external_id text primary key,
  order_id text not null
);
create table order_key (
  caller text not null,
  key_hash bytea not null,
  body_hash bytea not null,
  order_id text not null,
  -- The answer of the acceptance, without the number.
  answer text not null,
  primary key (caller, key_hash)
);

create table task (
  id text collate "C" primary key,
  order_id text not null,
  kind text not null,
  status text not null,
  summary text not null,
  choices jsonb not null,
  opened_at timestamptz not null,
  deadline timestamptz,
  decision text,
  decided_by text,
  decided_at timestamptz,
  note text
);
create index task_by_status on task (status, id);
create index task_by_order on task (order_id, id);

-- Makes the partitions of this month and of the next ones. A month that already has rows in the default partition keeps them there.
create function ensure_order_partitions(months integer) returns void language plpgsql as $$
declare
  month timestamptz;
  suffix text;
  low text;
  high text;
begin
  perform pg_advisory_xact_lock(hashtext('ensure_order_partitions'));
  for i in 0..months loop
    month := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' + make_interval(months => i);
    suffix := to_char(month at time zone 'UTC', 'YYYY_MM');
    low := 'ord_' || ulid_floor(month);
    high := 'ord_' || ulid_floor(month + interval '1 month');
    if to_regclass('orders_' || suffix) is null and not exists (select 1 from orders_other where id >= low and id < high) then
      execute format('create table %I partition of orders for values from (%L) to (%L)', 'orders_' || suffix, low, high);
    end if;
    if to_regclass('order_event_' || suffix) is null and not exists (select 1 from order_event_other where order_id >= low and order_id < high) then
      execute format('create table %I partition of order_event for values from (%L) to (%L)', 'order_event_' || suffix, low, high);
    end if;
  end loop;
end $$;

select ensure_order_partitions(2);
