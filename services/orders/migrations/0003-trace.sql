-- The trace of the acceptance: whoever starts the order, now or after an outage, goes on in it.
alter table orders add column traceparent text;

-- As before, and it passes the trace of the write on to its events, and says whether it wrote: a repeat does not count twice.
create or replace function project_order(change jsonb) returns jsonb language plpgsql as $$
declare
  target constant text := change ->> 'orderId';
  new_fence constant bigint := (change ->> 'fence')::bigint;
  known record;
  added integer;
begin
  select fence, last_sequence, version, status into known from orders where id = target for update;
  if not found then
    raise exception 'order % does not exist', target;
  end if;
  -- A repeat, or a late write of a workflow task that was lost and told again since.
  if known.fence >= new_fence then
    return jsonb_build_object('version', known.version);
  end if;

  if known.status in ('completed', 'partiallyCompleted', 'cancelled', 'timedOut', 'failed') then
    return jsonb_build_object('version', known.version, 'ended', known.status);
  end if;

  with told as (
    select x.* from rows from (
      jsonb_to_recordset(change -> 'events') as (key text, type text, at timestamptz, actor text, reason text, data jsonb)
    ) with ordinality as x(key, type, at, actor, reason, data, place)
  ), fresh as (
    select told.key, type, at, actor, reason, data, row_number() over (order by told.place) as number from told
    where not exists (select from order_event e where e.order_id = target and e.key = told.key)
  ), stored as (
    insert into order_event (order_id, sequence, key, type, at, actor, reason, data)
    select target, known.last_sequence + number, key, type, at, actor, reason, data from fresh order by number
    returning sequence, type, at, data
  ), published as (
    insert into outbox (aggregate_id, sequence, type, time, data, traceparent)
    select target, sequence, type, at, data, change ->> 'traceparent' from stored order by sequence
  )
  select count(*) into added from stored;

  update orders set
    status = change ->> 'status', payment_status = change ->> 'paymentStatus', version = known.version + 1, fence = new_fence,
    last_sequence = known.last_sequence + added, updated_at = now(), lines = change -> 'lines', totals = change -> 'totals',
    total = (change #>> '{total,amount}')::bigint, fulfillments = change -> 'fulfillments',
    waiting_for = nullif(change -> 'waitingFor', 'null'), cancel_requested = (change ->> 'cancelRequested')::boolean,
    dispatched = (change ->> 'dispatched')::boolean
  where id = target;

  insert into task as t (id, order_id, kind, status, summary, choices, opened_at, deadline, decision, decided_by, decided_at, note)
  select id, "orderId", kind, status, summary, choices, "openedAt", deadline, decision, "decidedBy", "decidedAt", x.note
  from jsonb_to_recordset(change -> 'tasks') as x(id text, "orderId" text, kind text, status text, summary text, choices jsonb,
    "openedAt" timestamptz, deadline timestamptz, decision text, "decidedBy" text, "decidedAt" timestamptz, note text)
  on conflict (id) do update set status = excluded.status, decision = excluded.decision, decided_by = excluded.decided_by,
    decided_at = excluded.decided_at, note = excluded.note
  where t.status = 'open';

  return jsonb_build_object('version', known.version + 1, 'written', true);
end $$;
