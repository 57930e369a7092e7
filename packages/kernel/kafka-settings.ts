import { SettingsError, type SettingsOf, type SettingsSchema, setting } from './config.ts';
import type { Secret } from './secret.ts';

// Apart from the client itself: every process knows these settings, and only one with a worker loads Kafka's client for them.
export const kafkaSettings = {
  KAFKA_BROKERS: setting.optional(
    setting.list({ description: 'host:port of Kafka brokers. Needed as soon as worker roles run in more than one process.' }),
  ),
  KAFKA_PREFIX: setting.text({
    description: 'Topics and consumer groups are named PREFIX.SERVICE. Installations that share brokers need one each.',
    default: 'waybill',
  }),
  KAFKA_TLS: setting.boolean({ description: 'Speak TLS with the brokers.', default: 'false' }),
  KAFKA_TLS_CA: setting.optional(
    setting.secret({
      description:
        'Certificates (PEM) of the authorities that may vouch for the brokers; the well-known ones without it, which will do for MSK.',
    }),
  ),
  KAFKA_SASL_MECHANISM: setting.optional(
    setting.choice({
      of: ['scram-sha-512', 'scram-sha-256', 'plain'],
      description: 'How to log in at the brokers, with KAFKA_USERNAME and KAFKA_PASSWORD; MSK takes scram-sha-512. No login without it.',
    }),
  ),
  KAFKA_USERNAME: setting.optional(setting.text({ description: 'User name at the brokers.' })),
  KAFKA_PASSWORD: setting.optional(setting.secret({ description: 'Password of KAFKA_USERNAME.' })),
} satisfies SettingsSchema;

export type KafkaSettings = SettingsOf<typeof kafkaSettings>;

/** How brokers are reached. The login is asked for with each connection, so that a changed password needs no restart. */
export type Brokers = {
  brokers: readonly string[];
  tls?: { ca?: string };
  login?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: Secret };
};

/**
 * The brokers that the settings name, if they do. A password or CA that nothing asks for is left alone, since a folder of secrets may serve
 * an installation elsewhere too. Throws SettingsError with all problems.
 */
export function brokersOf(settings: KafkaSettings): Brokers | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS_CA: ca, KAFKA_SASL_MECHANISM: mechanism } = settings;
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = settings;
  if (!brokers) return undefined;
  const problems: string[] = [];
  if (mechanism) {
    if (username === undefined) problems.push(`KAFKA_USERNAME is missing: KAFKA_SASL_MECHANISM=${mechanism} needs one`);
    if (password === undefined) problems.push(`KAFKA_PASSWORD is missing: KAFKA_SASL_MECHANISM=${mechanism} needs one`);
    if (mechanism === 'plain' && !settings.KAFKA_TLS)
      problems.push('KAFKA_SASL_MECHANISM=plain sends the password as it is: set KAFKA_TLS=true, or take scram-sha-512');
  } else if (username !== undefined) {
    problems.push('KAFKA_USERNAME is set, but KAFKA_SASL_MECHANISM is not: set it to scram-sha-512, scram-sha-256 or plain');
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    brokers,
    ...(settings.KAFKA_TLS && { tls: ca ? { ca: ca.reveal() } : {} }),
    ...(mechanism && username !== undefined && password && { login: { mechanism, username, password } }),
  };
}
