import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { loadSettings } from './config.ts';
import { generateKey, openKeyRing } from './encryption.ts';
import { silentLogger } from './log.ts';
import { createTemporal } from './temporal-client.ts';
import { temporalAccess, temporalTlsSettings } from './temporal-tls.ts';
import { createWorkerConnection, installRuntime } from './temporal-worker.ts';
import { clientCertificate, clientKey, serverCertificate, serverKey, testCa } from './testing/certificates.ts';
import { workerSettings } from './worker-settings.ts';

type NamedSocket = TLSSocket & { servername: string | false };
type Seen = { serverName: string | false; client: string | undefined; authorization: string | undefined };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Answers every call with an empty message, as Temporal may, and writes down who called. */
async function listen(requestCert: boolean): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server: Http2SecureServer = createSecureServer({
    cert: serverCertificate,
    key: serverKey,
    ca: testCa,
    requestCert,
    rejectUnauthorized: requestCert,
  });
  server.on('stream', (stream, headers) => {
    const socket = stream.session?.socket as NamedSocket; // of a server that speaks nothing but TLS
    const { authorization } = headers;
    seen.push({ serverName: socket.servername, client: socket.getPeerCertificate()?.subject?.CN?.toString(), authorization });
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, seen }; // it listens on a port
}

const settingsFor = (port: number, environment: Record<string, string>) =>
  loadSettings(workerSettings, { environment: { TEMPORAL_ADDRESS: `localhost:${port}`, ...environment } });

function client(port: number, environment: Record<string, string>) {
  const temporal = createTemporal({ settings: settingsFor(port, environment), ring: openKeyRing({ keys: generateKey() }) });
  closing.push(() => temporal.close());
  return temporal;
}

/** Calls as clients do and as workers do. */
async function callBoth(port: number, environment: Record<string, string>): Promise<void> {
  await client(port, environment).ping();
  installRuntime({ log: silentLogger });
  const workers = createWorkerConnection({ settings: settingsFor(port, environment) });
  closing.push(() => workers.close());
  await workers.open();
}

test('clients and workers speak TLS, trust the CA that is named, and show their certificate', async () => {
  const { port, seen } = await listen(true);
  await callBoth(port, {
    TEMPORAL_TLS: 'true',
    TEMPORAL_TLS_SERVER_NAME: 'servers.example.com',
    TEMPORAL_TLS_CA: testCa,
    TEMPORAL_TLS_CERT: clientCertificate,
    TEMPORAL_TLS_KEY: clientKey,
  });
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const one of seen) expect(one).toEqual({ serverName: 'servers.example.com', client: 'test client', authorization: undefined });
});

test('an API key goes along with every call, over TLS', async () => {
  const { port, seen } = await listen(false);
  await callBoth(port, { TEMPORAL_TLS: 'true', TEMPORAL_TLS_CA: testCa, TEMPORAL_API_KEY: 'key-1' });
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const one of seen) expect(one).toEqual({ serverName: 'localhost', client: undefined, authorization: 'Bearer key-1' });
});

test('a server that no known authority vouches for is told nothing', async () => {
  const { port, seen } = await listen(false);
  const temporal = client(port, { TEMPORAL_TLS: 'true', TEMPORAL_TIMEOUT: '500ms' });
  await expect(temporal.ping()).rejects.toMatchObject({ code: 'unavailable' });
  expect(seen).toEqual([]);
});

test('without TLS no key and no certificate is used', () => {
  const environment = { TEMPORAL_API_KEY: 'key-1', TEMPORAL_TLS_CERT: clientCertificate };
  expect(temporalAccess(loadSettings(temporalTlsSettings, {}))).toEqual({ tls: false });
  expect(temporalAccess(loadSettings(temporalTlsSettings, { environment }))).toEqual({ tls: false });
});

test.each<[Record<string, string>, RegExp]>([
  [{ TEMPORAL_TLS_SERVER_NAME: 'temporal.example.com' }, /TEMPORAL_TLS_SERVER_NAME is set, but TEMPORAL_TLS is false/],
  [{ TEMPORAL_TLS: 'true', TEMPORAL_TLS_CERT: clientCertificate }, /TEMPORAL_TLS_KEY is missing/],
  [{ TEMPORAL_TLS: 'true', TEMPORAL_TLS_KEY: clientKey }, /TEMPORAL_TLS_CERT is missing/],
  [
    { TEMPORAL_TLS: 'true', TEMPORAL_TLS_CERT: clientCertificate, TEMPORAL_TLS_KEY: clientKey, TEMPORAL_API_KEY: 'key-1' },
    /TEMPORAL_API_KEY and TEMPORAL_TLS_CERT are both set/,
  ],
])('settings that contradict each other are refused by name: %#', (environment, message) => {
  expect(() => temporalAccess(loadSettings(temporalTlsSettings, { environment }))).toThrow(message);
});

test('keys and certificates do not show when settings are printed', () => {
  const environment = { TEMPORAL_TLS_CERT: clientCertificate, TEMPORAL_TLS_KEY: clientKey, TEMPORAL_API_KEY: 'key-1' };
  expect(inspect(loadSettings(temporalTlsSettings, { environment }))).not.toMatch(/PRIVATE KEY|CERTIFICATE-|key-1/);
});
