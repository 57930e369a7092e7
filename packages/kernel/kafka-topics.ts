import { Admin, AuthenticationError, findErrorBy, GenericError, MultipleErrors, SASLMechanisms } from '@platformatic/kafka';
import { WaybillError } from './errors.ts';
import type { Brokers } from './kafka-settings.ts';

/** The name of a service's topic, and of its consumer group. */
export const topicOf = (service: string, { prefix }: Pick<TopicOptions, 'prefix'>): string => `${prefix}.${service}`;

// Events are kept for less time than an inbox remembers them (14 days), so that a consumer group that lost its offsets and
// reads all anew finds what it handled before. A segment is deleted as a whole, hence the second figure.
const configs = [
  { name: 'retention.ms', value: String(12 * 86_400_000) },
  { name: 'segment.ms', value: String(86_400_000) },
];

export type TopicOptions = Brokers & {
  /** Installations that share brokers differ in it. */
  prefix: string;
  /** Keys are spread over these, so the number must not change while events are under way. */
  partitions?: number;
  /** Without it, what the brokers are configured for. */
  replicas?: number;
};

/** Settings that suit every client of ours: failures come soon, since whoever asked tries again anyway. */
export const clientOptions = ({ brokers, tls, login }: Brokers, clientId: string) => ({
  clientId,
  bootstrapBrokers: [...brokers],
  retries: 3,
  retryDelay: 150,
  connectTimeout: 3_000,
  requestTimeout: 10_000,
  // Servers behind one address are told apart by the name in the handshake.
  ...(tls && { tls, tlsServerName: true }),
  ...(login && { sasl: { mechanism: mechanisms[login.mechanism], username: login.username, password: () => login.password.reveal() } }),
});

const mechanisms = {
  plain: SASLMechanisms.PLAIN,
  'scram-sha-256': SASLMechanisms.SCRAM_SHA_256,
  'scram-sha-512': SASLMechanisms.SCRAM_SHA_512,
};

/** Makes the topics of these services where they are missing; a topic that is there stays as it is. */
export async function ensureTopics(options: TopicOptions & { services: readonly string[]; stopping?: AbortSignal }): Promise<void> {
  const admin = new Admin(clientOptions(options, 'waybill-admin'));
  try {
    for (const service of options.services) {
      const created = admin.createTopics({
        topics: [topicOf(service, options)],
        partitions: options.partitions ?? 12,
        replicas: options.replicas ?? -1,
        configs,
      });
      await within(20_000, created, options.stopping).catch((error: unknown) => {
        if (!isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw kafkaFailure(error);
      });
    }
  } finally {
    await within(2_000, admin.close()).catch(() => {});
  }
}

export const isKafkaError = (error: unknown, id: string): boolean => error instanceof Error && findErrorBy(error, 'apiId', id) !== null;

/** The client tells it in layers: several errors, of which one is a connection that failed, because of the login. */
const isRefusedLogin = (error: unknown): boolean =>
  error instanceof Error &&
  (error instanceof AuthenticationError ||
    isRefusedLogin(error.cause) ||
    (error instanceof AggregateError && error.errors.some(isRefusedLogin)));

/** What an error of the client means: `unavailable`, unless it is about the very messages that were sent. */
export function kafkaFailure(error: unknown): unknown {
  if (!(error instanceof Error) || !(GenericError.isGenericError(error) || MultipleErrors.isGenericError(error))) return error;
  if (isKafkaError(error, 'MESSAGE_TOO_LARGE') || isKafkaError(error, 'INVALID_RECORD') || findErrorBy(error, 'code', 'PLT_KFK_USER'))
    return error;
  if (isRefusedLogin(error)) {
    return new WaybillError(
      'unavailable',
      'the event broker refuses our login: KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM must be what it knows',
      { cause: error, retryAfter: 1 },
    );
  }
  return new WaybillError('unavailable', 'the event broker cannot be reached right now', { cause: error, retryAfter: 1 });
}

/**
 * The client has been seen to leave a call unanswered when the broker goes away at the wrong moment (a commit during a
 * rebalance, say), so nothing waits for it without an end. Rejects with `unavailable`; at once when `stopping` says so.
 */
export async function within<T>(timeoutMs: number, call: Promise<T>, stopping?: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  const give = (message: string) => () => late.reject(new WaybillError('unavailable', message, { retryAfter: 1 }));
  const stop = give('stopped');
  const timer = setTimeout(give('the event broker did not answer in time'), timeoutMs);
  stopping?.addEventListener('abort', stop, { once: true });
  if (stopping?.aborted) stop();
  call.catch(() => {}); // when it fails after we stopped waiting
  try {
    return await Promise.race([call, late.promise]);
  } finally {
    clearTimeout(timer);
    stopping?.removeEventListener('abort', stop);
  }
}
