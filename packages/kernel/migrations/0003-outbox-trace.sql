-- The W3C trace context of whoever wrote the event, while traces are recorded: the event and its signal go on in that trace.
alter table outbox add column traceparent text;
