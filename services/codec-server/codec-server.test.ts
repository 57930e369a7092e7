import { randomBytes } from 'node:crypto';
import { loadSettings } from '@waybill/kernel/config';
import { generateKey, openKeyRing } from '@waybill/kernel/encryption';
import { silentLogger } from '@waybill/kernel/log';
import { createMetrics } from '@waybill/kernel/metrics';
import { createPayloadCodec } from '@waybill/kernel/payload-codec';
import type { Secret } from '@waybill/kernel/secret';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { codecServerSettings, createCodecServer } from './service.ts';

const adminKey = randomBytes(24).toString('base64url');
const ui = 'http://localhost:8233';
const bearer = { authorization: `Bearer ${adminKey}` };
const ringKey = generateKey('k1');

let app: FastifyInstance | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(environment: Record<string, string> = {}): Promise<FastifyInstance> {
  const settings = loadSettings(codecServerSettings, {
    environment: {
      ENCRYPTION_KEYS: ringKey.reveal(),
      ADMIN_API_KEY: adminKey,
      SERVICE_TOKEN_KEYS: `s1:${randomBytes(32).toString('base64')}`,
      ...environment,
    },
  });
  app = await createCodecServer({ settings, log: silentLogger, meter: createMetrics().meter });
  return app;
}

const plain = { metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: Buffer.from('{"customer":"Ann"}').toString('base64') };

async function encrypted(key: Secret = ringKey): Promise<typeof plain> {
  const [payload] = await createPayloadCodec(openKeyRing({ keys: key })).encode([
    { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{"customer":"Ann"}') },
  ]);
  const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
  return {
    metadata: Object.fromEntries(
      Object.entries(payload?.metadata ?? {}).map(([name, value]) => [name, text(value)]),
    ) as typeof plain.metadata,
    data: text(payload?.data),
  };
}

const post = (url: string, body: unknown, headers: Record<string, string> = bearer) =>
  app!.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });

const logIn = async (key = adminKey) => post('/login', { key }, {});
const cookieOf = (response: { headers: Record<string, unknown> }) => String(response.headers['set-cookie']).split(';')[0]!;

test('what it encodes it decodes again, and what is not encrypted passes unchanged', async () => {
  await start();
  const encoded = await post('/encode', { payloads: [plain, plain] });
  expect(encoded.statusCode).toBe(200);
  expect(encoded.body).not.toContain(plain.data);
  const decoded = await post('/decode', { payloads: [...encoded.json().payloads, plain] });
  expect(decoded.json()).toEqual({ payloads: [plain, plain, plain] });
  expect((await post('/decode', { payloads: [] })).json()).toEqual({ payloads: [] });
});

test('nothing is decoded before a login, with a wrong key, or with a cookie that was made up', async () => {
  await start();
  const body = { payloads: [await encrypted()] };
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { cookie: 'waybill_codec=eyJhbGciOiJub25lIn0.e30.' },
    { authorization: '' },
  ] as Record<string, string>[]) {
    const refused = await post('/decode', body, headers);
    expect(refused.statusCode).toBe(401);
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect((await post('/encode', body, headers)).statusCode).toBe(401);
  }
});

test('a login gives a cookie that pages cannot read and other sites cannot send, and the cookie opens decode', async () => {
  await start();
  const response = await logIn();
  expect(response.statusCode).toBe(204);
  expect(response.headers['set-cookie']).toMatch(/^waybill_codec=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  expect(response.headers['set-cookie']).not.toContain(adminKey);
  const decoded = await post('/decode', { payloads: [await encrypted()] }, { cookie: `theme=dark; ${cookieOf(response)}` });
  expect(decoded.json()).toEqual({ payloads: [plain] });
  const out = await app!.inject({ method: 'POST', url: '/logout' });
  expect(out.headers['set-cookie']).toContain('waybill_codec=; Max-Age=0');
});

test('behind https the cookie is Secure', async () => {
  await start({ CODEC_URL: 'https://codec.example.com' });
  expect((await logIn()).headers['set-cookie']).toContain('; Secure');
});

test('a session ends with its time, with another signing key, and when the API key is replaced', async () => {
  const tokenKeys = `s1:${randomBytes(32).toString('base64')}`;
  const body = { payloads: [plain] };
  await start({ SERVICE_TOKEN_KEYS: tokenKeys });
  const cookie = cookieOf(await logIn());
  await app!.close();
  await start({ SERVICE_TOKEN_KEYS: tokenKeys });
  expect((await post('/decode', body, { cookie })).statusCode).toBe(200);
  await app!.close();
  await start({ SERVICE_TOKEN_KEYS: `s2:${randomBytes(32).toString('base64')},${tokenKeys}` });
  expect((await post('/decode', body, { cookie })).statusCode).toBe(200);
  await app!.close();
  await start();
  expect((await post('/decode', body, { cookie })).statusCode).toBe(401);
  await app!.close();
  await start({ SERVICE_TOKEN_KEYS: tokenKeys, ADMIN_API_KEY: 'another-key' });
  expect((await post('/decode', body, { cookie })).statusCode).toBe(401);
  await app!.close();
  await start({ SERVICE_TOKEN_KEYS: tokenKeys, CODEC_SESSION: '0ms' });
  expect((await post('/decode', body, { cookie: cookieOf(await logIn()) })).statusCode).toBe(401);
});

test('garbage is a 400 that names the field', async () => {
  await start();
  const good = await encrypted();
  const bytes = Buffer.from(good.data, 'base64');
  const flipped = Buffer.from(bytes);
  flipped[flipped.length - 1]! ^= 1;
  const otherKey = await encrypted(generateKey('k9'));
  const sameIdOtherKey = await encrypted(generateKey('k1'));
  const cases: [unknown, string][] = [
    ['{"payloads": [', 'body'],
    ['', 'body'],
    ['null', 'body'],
    [[], 'body'],
    [{}, 'payloads'],
    [{ payloads: 'x' }, 'payloads'],
    [{ payloads: [7] }, 'payloads[0]'],
    [{ payloads: [plain, { ...plain, data: 'ä%' }] }, 'payloads[1].data'],
    [{ payloads: [{ ...plain, surprise: true }] }, 'payloads[0].surprise'],
    [{ payloads: [plain, otherKey] }, 'payloads[1]'],
    [{ payloads: [sameIdOtherKey] }, 'payloads[0]'],
    [{ payloads: [{ ...good, data: bytes.subarray(0, -1).toString('base64') }] }, 'payloads[0]'],
    [{ payloads: [{ ...good, data: bytes.subarray(0, 20).toString('base64') }] }, 'payloads[0]'],
    [{ payloads: [{ ...good, data: flipped.toString('base64') }] }, 'payloads[0]'],
    [{ payloads: [{ ...good, data: '' }] }, 'payloads[0]'],
    [{ payloads: [{ metadata: { encoding: good.metadata.encoding }, data: good.data }] }, 'payloads[0]'],
  ];
  for (const [body, field] of cases) {
    const response = await post('/decode', body);
    expect([response.statusCode, response.json().errors?.[0]?.field]).toEqual([400, field]);
    expect(response.body).not.toMatch(/node:|at .*\.ts|Ann/);
  }
  expect((await post('/decode', JSON.stringify({ payloads: [{ data: 'A'.repeat(17_000_000) }] }))).statusCode).toBe(413);
  expect((await post('/decode', 'x', { ...bearer, 'content-type': 'text/plain' })).statusCode).toBe(415);
});

test('pages of the exact origins may ask with credentials, refusals included; pages of others are refused', async () => {
  await start();
  const body = { payloads: [plain] };
  const { headers } = await app!.inject({
    method: 'OPTIONS',
    url: '/decode',
    headers: { origin: ui, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-namespace' },
  });
  expect(headers).toMatchObject({
    'access-control-allow-origin': ui,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'POST',
  });
  expect(headers['access-control-allow-headers']).toContain('x-namespace');
  const refused = await post('/decode', body, { origin: ui });
  expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([401, ui]);
  expect((await post('/decode', body, { ...bearer, origin: ui })).statusCode).toBe(200);
  for (const origin of ['http://localhost:9999', 'http://localhost:8233.evil.example', 'null', 'http://LOCALHOST:8233']) {
    const response = await post('/decode', body, { ...bearer, origin });
    expect(response.statusCode).toBe(403);
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    const preflight = await app!.inject({ method: 'OPTIONS', url: '/decode', headers: { origin } });
    expect(preflight.headers['access-control-allow-origin']).toBeUndefined();
  }
});

test('wrong keys are limited, also as bearers, while a session goes on', async () => {
  await start();
  const cookie = cookieOf(await logIn());
  const statuses = [];
  for (let i = 0; i < 6; i++)
    statuses.push(
      (await logIn('guess')).statusCode,
      (await post('/decode', { payloads: [] }, { authorization: 'Bearer guess' })).statusCode,
    );
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  const limited = await logIn(adminKey);
  expect(limited.statusCode).toBe(429);
  expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
  expect((await post('/decode', { payloads: [plain] }, { cookie })).statusCode).toBe(200);
});

test('the login form works without scripts and says what was wrong', async () => {
  await start();
  const form = (body: string) =>
    app!.inject({ method: 'POST', url: '/login', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: body });
  const page = await app!.inject({ url: '/login' });
  expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'nonce-/);
  expect(page.body).not.toMatch(/<script| on\w+=/);
  expect(page.body).toContain('<label for="key">');
  const wrong = await form('key=%3Cscript%3E');
  expect(wrong.statusCode).toBe(401);
  expect(wrong.body).toContain('role="alert"');
  expect(wrong.body).not.toContain('<script');
  expect((await form('key=')).statusCode).toBe(401);
  const right = await form(`key=${adminKey}`);
  expect([right.statusCode, right.headers.location]).toEqual([303, '/login']);
  const signedIn = await app!.inject({ url: '/login', headers: { cookie: cookieOf(right) } });
  expect(signedIn.body).toContain('You are signed in');
  expect(signedIn.body).not.toContain(adminKey);
});
