import { setTimeout as delay } from 'node:timers/promises';
import type { Meter } from '@opentelemetry/api';
import {
  Consumer,
  type Message,
  type MessagesStream,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  stringDeserializers,
} from '@platformatic/kafka';
import { receive, type Subscription } from './bus.ts';
import { WaybillError } from './errors.ts';
import type { EventEnvelope } from './events.ts';
import { createLagMetrics } from './kafka-metrics.ts';
import { clientOptions, ensureTopics, kafkaFailure, type TopicOptions, topicOf, within } from './kafka-topics.ts';
import { type Logger, limitLogger } from './log.ts';
import { backOff, type Running, startLoops } from './loops.ts';

type TextMessage = Message<string, string, string, string>;
type TextConsumer = Consumer<string, string, string, string>;
type TextStream = MessagesStream<string, string, string, string>;

const batchSize = 500;
const silentMs = 60_000;
const rebalanceMs = 30_000;
const joinMs = rebalanceMs + 15_000;
const commitMs = 5_000;
const lagEveryMs = 10_000;

/**
 * Carries other services' events from Kafka into this service's inbox; an offset is committed once its event stands there.
 * Starting never fails: it connects, and connects again, for as long as it runs.
 */
export async function startKafkaConsumers(
  options: TopicOptions & { subscription: Subscription; wakeInbox(service: string): void; meter: Meter; log: Logger },
): Promise<Running> {
  const { subscription } = options;
  const log = limitLogger(options.log.child({ consumer: subscription.service }));
  const sources = [...new Set(subscription.consumers.map((consumer) => consumer.source))];
  if (sources.length === 0) return { wake() {}, async stop() {} };
  const groupId = topicOf(subscription.service, options);
  const topics = sources.map((source) => topicOf(source, options));
  const metrics = createLagMetrics(options.meter, groupId);
  const running = startLoops(
    [
      {
        name: `kafka ${subscription.service}`,
        everyMs: 1_000,
        async run(signal) {
          try {
            await ensureTopics({ ...options, services: sources, stopping: signal });
            await consume(signal);
          } catch (error) {
            throw kafkaFailure(error);
          }
          return false;
        },
      },
    ],
    log,
  );
  return {
    wake: running.wake,
    async stop() {
      await running.stop();
      metrics.stop();
    },
  };

  async function consume(signal: AbortSignal): Promise<void> {
    const consumer: TextConsumer = new Consumer({
      ...clientOptions(options, `waybill-${subscription.service}`),
      groupId,
      deserializers: stringDeserializers,
      autocommit: false,
      sessionTimeout: 10_000,
      rebalanceTimeout: rebalanceMs,
      heartbeatInterval: 2_000,
      maxWaitTime: 500,
      maxBytes: 4 * 1024 * 1024,
      highWaterMark: 1_024,
    });
    // Each failure that matters also ends the stream; without a listener it would end the process.
    consumer.on('error', (err: Error) => log.warn('kafka consumer failed', { err }));
    try {
      const joined = consumer.consume({
        topics,
        mode: MessagesStreamModes.COMMITTED,
        fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      });
      // Also when it comes too late: a stream's error that nobody hears would end the process.
      joined.then((late) => late.on('error', () => {})).catch(() => {});
      const stream = await within(joinMs, joined, signal);
      consumer.on('consumer:lag', metrics.lags);
      consumer.startLagMonitoring({ topics }, lagEveryMs);
      await read(stream, () => consumer.assignments?.some((topic) => topic.partitions.length > 0) ?? false, signal);
    } finally {
      consumer.stopLagMonitoring();
      metrics.lags(new Map());
      await within(5_000, consumer.close(true)).catch(() => {});
    }
  }

  /** Keeps what arrives until the stream ends, is stopped, or falls silent although there is something to ask for. */
  async function read(stream: TextStream, isAssigned: () => boolean, signal: AbortSignal): Promise<void> {
    const end = Promise.withResolvers<void>();
    let over = false;
    let busy = false;
    let answeredAt = Date.now();
    stream.on('fetch', () => {
      answeredAt = Date.now();
    });
    const watch = setInterval(() => {
      if (busy || !isAssigned()) answeredAt = Date.now();
      if (Date.now() - answeredAt > silentMs) end.reject(new WaybillError('unavailable', 'the event broker stopped answering'));
    }, silentMs / 6);

    async function readAll(): Promise<void> {
      let batch: TextMessage[] = [];
      for await (const message of stream) {
        if (over) return;
        batch.push(message);
        if (batch.length < batchSize && stream.readableLength > 0) continue;
        busy = true;
        await keep(batch, signal);
        busy = false;
        if (signal.aborted) return;
        batch = [];
      }
    }

    const stop = () => {
      if (busy) return; // it sees for itself that it must stop, and what it holds is kept first
      end.resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const reading = readAll();
      reading.catch(() => {}); // it also ends when the stream is destroyed below
      await Promise.race([reading, end.promise]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      over = true;
      clearInterval(watch);
      signal.removeEventListener('abort', stop);
      stream.destroy();
    }
  }

  async function keep(batch: readonly TextMessage[], signal: AbortSignal): Promise<void> {
    for (const source of sources) {
      const events = batch.filter((message) => message.topic === topicOf(source, options)).flatMap((message) => parse(message));
      if ((await receivePatiently(source, events, signal)) > 0) options.wakeInbox(subscription.service);
    }
    const last = new Map(batch.map((message) => [`${message.topic} ${message.partition}`, message]));
    await within(commitMs, Promise.all([...last.values()].map((message) => message.commit())));
  }

  /** While the database is out the group is kept: leaving and joining again would make others re-read as well. */
  async function receivePatiently(source: string, events: readonly EventEnvelope[], signal: AbortSignal): Promise<number> {
    for (let failures = 1; ; failures++) {
      try {
        return await receive(subscription, source, events);
      } catch (error) {
        if (!(error instanceof WaybillError) || signal.aborted) throw error;
        log.warn('events not received, the database cannot be reached', { failures, err: error });
        await delay(backOff(failures), undefined, { signal });
      }
    }
  }

  /** A message that is no event of ours can never be handled, and must not stop those behind it. */
  function parse(message: TextMessage): EventEnvelope[] {
    try {
      const event: unknown = JSON.parse(message.value);
      if (isEvent(event)) return [event];
    } catch {
      // Said below.
    }
    log.error('message is not an event, skipped', {
      topic: message.topic,
      partition: message.partition,
      offset: String(message.offset),
    });
    return [];
  }
}

function isEvent(value: unknown): value is EventEnvelope {
  if (typeof value !== 'object' || value === null) return false;
  const { id, subject, type, sequence, data } = value as Record<string, unknown>; // an object, so its keys may be looked at
  return (
    [id, subject, type].every((text) => typeof text === 'string' && text !== '') &&
    Number.isInteger(sequence) &&
    Math.abs(Number(sequence)) < 2 ** 31 &&
    typeof data === 'object' &&
    data !== null &&
    !JSON.stringify(value).includes('\\u0000') // PostgreSQL has no such character
  );
}
