import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { AuthenticationError, MultipleErrors, NetworkError } from '@platformatic/kafka';
import { expect, onTestFinished, test } from 'vitest';
import { loadSettings } from './config.ts';
import { brokersOf, kafkaSettings } from './kafka-settings.ts';
import { clientOptions, ensureTopics, kafkaFailure } from './kafka-topics.ts';
import { serverCertificate, serverKey, testCa } from './testing/certificates.ts';

type NamedSocket = TLSSocket & { servername: string | false };

const brokersIn = (environment: Record<string, string>) => {
  const brokers = brokersOf(loadSettings(kafkaSettings, { environment: { KAFKA_BROKERS: 'b-1:9096,b-2:9096', ...environment } }));
  if (!brokers) throw new Error('no brokers');
  return brokers;
};

test('without more than addresses the client speaks plain text and logs in nowhere', () => {
  for (const leftOver of [{}, { KAFKA_PASSWORD: 'pass-1', KAFKA_TLS_CA: testCa }]) {
    const options = clientOptions(brokersIn(leftOver), 'test');
    expect(options.bootstrapBrokers).toEqual(['b-1:9096', 'b-2:9096']);
    expect(options).not.toHaveProperty('tls');
    expect(options).not.toHaveProperty('sasl');
  }
});

test.each([
  ['scram-sha-512', 'SCRAM-SHA-512'],
  ['scram-sha-256', 'SCRAM-SHA-256'],
  ['plain', 'PLAIN'],
])('the client logs in with %s over TLS, and asks for the password each time', (mechanism, told) => {
  const brokers = brokersIn({ KAFKA_TLS: 'true', KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: 'shop', KAFKA_PASSWORD: 'pass-1' });
  const { sasl, ...options } = clientOptions(brokers, 'test');
  expect(options).toMatchObject({ tls: {}, tlsServerName: true });
  expect(sasl).toMatchObject({ mechanism: told, username: 'shop' });
  expect(sasl?.password()).toBe('pass-1');
  expect(JSON.stringify(brokers)).not.toContain('pass-1');
});

test('the brokers see a TLS handshake with their name, and a request inside', async () => {
  const seen = Promise.withResolvers<{ serverName: string | false; request: number }>();
  const server = createServer({ cert: serverCertificate, key: serverKey }, (connected) => {
    const socket = connected as NamedSocket; // the types leave it out
    socket.on('error', () => {});
    socket.once('data', (data) => seen.resolve({ serverName: socket.servername, request: data.readInt16BE(4) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on a port
  const brokers = brokersIn({ KAFKA_BROKERS: `localhost:${port}`, KAFKA_TLS: 'true', KAFKA_TLS_CA: testCa });
  const stopping = new AbortController();
  const made = ensureTopics({ ...brokers, prefix: 'waybill', services: ['orders'], stopping: stopping.signal });
  const apiVersions = 18;
  expect(await seen.promise).toEqual({ serverName: 'localhost', request: apiVersions });
  stopping.abort();
  await expect(made).rejects.toMatchObject({ code: 'unavailable' });
});

test('a refused login is told as one, and not as a broker that is away', () => {
  const refused = new NetworkError('Connection failed.', { cause: new AuthenticationError('SASL authentication failed.') });
  const told = kafkaFailure(new MultipleErrors('Creating topics failed.', [new MultipleErrors('Cannot connect.', [refused])]));
  expect(told).toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/^the event broker refuses our login: KAFKA_USERNAME/),
  });
});

test.each<[Record<string, string>, RegExp]>([
  [{ KAFKA_SASL_MECHANISM: 'scram-sha-512' }, /KAFKA_USERNAME is missing.*\n.*KAFKA_PASSWORD is missing/],
  [{ KAFKA_USERNAME: 'shop' }, /KAFKA_USERNAME is set, but KAFKA_SASL_MECHANISM is not/],
  [{ KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: 'shop', KAFKA_PASSWORD: 'pass-1' }, /sends the password as it is: set KAFKA_TLS=true/],
  [{ KAFKA_SASL_MECHANISM: 'gssapi' }, /KAFKA_SASL_MECHANISM must be one of scram-sha-512, scram-sha-256, plain/],
])('settings that contradict each other are refused by name: %#', (environment, message) => {
  expect(() => brokersIn(environment)).toThrow(message);
});
