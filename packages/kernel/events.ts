/** CloudEvents 1.0 in JSON, with the sequence of the event in its aggregate. Ids and states only, never personal data. */
export type EventEnvelope = {
  specversion: '1.0';
  /** `<aggregate id>/<sequence>`: the same event always has the same id. */
  id: string;
  /** `waybill/<service>`. */
  source: string;
  /** For instance `order.placed`. */
  type: string;
  /** The aggregate's id; the key on Kafka. */
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  sequence: number;
  /** The distributed tracing extension of CloudEvents: the trace that the event belongs to, while traces are recorded. */
  traceparent?: string;
  data: Record<string, unknown>;
};

/** A Temporal signal that the relay sends before it publishes the event, until Temporal has taken it. */
export type RelaySignal = { workflowId: string; name: string; args: readonly unknown[] };
