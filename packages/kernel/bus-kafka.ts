import { ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka';
import type { Bus } from './bus.ts';
import { clientOptions, ensureTopics, isKafkaError, kafkaFailure, type TopicOptions, topicOf, within } from './kafka-topics.ts';
import { type Logger, limitLogger } from './log.ts';

export { startKafkaConsumers } from './kafka-consumer.ts';
export { ensureTopics } from './kafka-topics.ts';

type TextProducer = Producer<string, string, string, string>;

/** The bus for worker roles in several processes: one topic a service, keyed by aggregate, every in-sync replica acknowledges. */
export function createKafkaBus(options: TopicOptions & { clientId: string; log: Logger }): Bus {
  const log = limitLogger(options.log.child({ bus: 'kafka' }));
  const ready = new Set<string>(); // sources whose topic is known to exist: as many as there are services
  let current: TextProducer | undefined;

  function producer(): TextProducer {
    current ??= new Producer({
      ...clientOptions(options, options.clientId),
      idempotent: true,
      acks: ProduceAcks.ALL,
      serializers: stringSerializers,
    });
    return current;
  }

  /** After a failure the producer's numbering may differ from the broker's; a new one begins afresh. */
  async function discard(failed: TextProducer): Promise<void> {
    if (current === failed) current = undefined;
    await within(5_000, failed.close(true)).catch((err: unknown) => log.debug('producer did not close', { err }));
  }

  return {
    async publish(source, events) {
      if (events.length === 0) return;
      if (!ready.has(source)) {
        await ensureTopics({ ...options, services: [source] });
        ready.add(source);
      }
      const used = producer();
      try {
        const messages = events.map((event) => ({ topic: topicOf(source, options), key: event.subject, value: JSON.stringify(event) }));
        await within(30_000, used.send({ messages }));
      } catch (error) {
        if (isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) ready.delete(source);
        await discard(used);
        throw kafkaFailure(error);
      }
    },
    async close() {
      if (current) await discard(current);
    },
  };
}
