-- The few lines that hold stock now, among all that ever did.
create index reservation_line_held on reservation_line (order_id) where status = 'held';
