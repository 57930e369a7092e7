import type { EventEnvelope } from './events.ts';
import { beginSpan, currentTraceparent, isTracing } from './tracing.ts';

/** Publishes events, with a span for each in the trace that wrote it. Whoever receives an event goes on from that span. */
export async function tracedSend(
  service: string,
  events: readonly EventEnvelope[],
  publish: (events: readonly EventEnvelope[]) => Promise<void>,
): Promise<void> {
  if (!isTracing()) return publish(events);
  const sent = events.map((event) => {
    if (event.traceparent === undefined) return { event };
    const span = beginSpan(`send ${event.type}`, {
      kind: 'producer',
      parent: event.traceparent,
      attributes: { 'messaging.operation.type': 'send', 'messaging.message.id': event.id, 'messaging.destination.name': service },
    });
    const traceparent = span?.run(currentTraceparent);
    return { event: traceparent ? { ...event, traceparent } : event, span };
  });
  try {
    await publish(sent.map(({ event }) => event));
    for (const { span } of sent) span?.end();
  } catch (error) {
    for (const { span } of sent) span?.fail(error);
    throw error;
  }
}
