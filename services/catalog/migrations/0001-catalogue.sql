create table category (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create table product (
  id text primary key,
  name text not null,
  description text not null,
  category_id text references category (id),
  version integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index product_by_category on product (category_id, id);

create table variant (
  sku text primary key,
  product_id text not null references product (id) on delete cascade,
  name text not null,
  position integer not null
);

create index variant_by_product on variant (product_id, position);

create table price (
  sku text not null references variant (sku) on delete cascade,
  currency text not null,
  amount bigint not null check (amount >= 0),
  primary key (sku, currency)
);

create table shipping_method (
  code text primary key,
  name text not null
);

create table shipping_fee (
  method text not null references shipping_method (code) on delete cascade,
  currency text not null,
  amount bigint not null check (amount >= 0),
  primary key (method, currency)
);

-- Every installation can ship from the first day; the fees are a shop's own to change.
insert into shipping_method (code, name) values ('standard', 'Standard'), ('express', 'Express');
insert into shipping_fee (method, currency, amount) values
  ('standard', 'EUR', 490), ('standard', 'USD', 590), ('standard', 'GBP', 450),
  ('express', 'EUR', 990), ('express', 'USD', 1190), ('express', 'GBP', 890);
