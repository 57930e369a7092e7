create table fraud_settings (
  the_only boolean primary key default true check (the_only),
  limit_amount bigint check (limit_amount >= 0),
  limit_currency text,
  review_amount bigint check (review_amount >= 0),
  review_currency text,
  maintenance boolean not null default false,
  version integer not null default 1,
  updated_at timestamptz not null default now(),
  check ((limit_amount is null) = (limit_currency is null)),
  check ((review_amount is null) = (review_currency is null))
);
insert into fraud_settings default values;

-- One judgement per order. `cancelled` refuses a check that comes after the order's payments were called off.
create table fraud_check (
  order_id text primary key,
  customer_id text,
  amount bigint not null check (amount >= 0),
  currency text not null,
  outcome text not null check (outcome in ('approve', 'review', 'decline', 'cancelled')),
  reason text,
  -- The part of the amount that stands in the customer's tally now.
  counted bigint not null check (counted between 0 and amount),
  checked_at timestamptz not null default now()
);

create table customer_tally (
  customer_id text not null,
  currency text not null,
  amount bigint not null check (amount >= 0),
  primary key (customer_id, currency)
);
