import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { Secret } from './secret.ts';
import { bearerOf, createTokens, type Principal } from './tokens.ts';

const bytes = (): Buffer => randomBytes(32);
const ring = (...keys: [string, Buffer][]): Secret => new Secret(keys.map(([id, key]) => `${id}:${key.toString('base64')}`).join(','));
const principal: Principal = { id: 'key_1', roles: ['manager'], permissions: ['orders:read'] };

test('a token says who made it or for whom, and neither kind passes for the other', async () => {
  const tokens = createTokens({ keys: ring(['a', bytes()]) });
  expect(await tokens.verifyService(await tokens.mintService('orders'))).toEqual({ service: 'orders' });
  expect(await tokens.verifyCaller(await tokens.mintCaller(principal))).toEqual(principal);
  await expect(tokens.verifyCaller(await tokens.mintService('orders'))).rejects.toMatchObject({ code: 'unauthenticated' });
  await expect(tokens.verifyService(await tokens.mintCaller(principal))).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('keys rotate: a new first key signs, the old one still verifies, and a key that is gone does not', async () => {
  const [older, newer] = [bytes(), bytes()];
  const before = createTokens({ keys: ring(['a', older]) });
  const during = createTokens({ keys: ring(['b', newer], ['a', older]) });
  const after = createTokens({ keys: ring(['b', newer]) });
  expect(await during.verifyService(await before.mintService('orders'))).toEqual({ service: 'orders' });
  expect(await after.verifyService(await during.mintService('orders'))).toEqual({ service: 'orders' });
  await expect(after.verifyService(await before.mintService('orders'))).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('a token that is expired, endless, unsigned, of another key or cut is refused', async () => {
  const key = bytes();
  const tokens = createTokens({ keys: ring(['a', key]) });
  const sign = (change: (jwt: SignJWT) => SignJWT, secret = key) =>
    change(new SignJWT({}).setProtectedHeader({ alg: 'HS256', kid: 'a' }).setSubject('orders').setAudience('waybill:service')).sign(secret);
  expect(await tokens.verifyService(await sign((jwt) => jwt.setExpirationTime('1m')))).toEqual({ service: 'orders' });
  const unsigned = `${Buffer.from('{"alg":"none","kid":"a"}').toString('base64url')}.${Buffer.from('{"sub":"orders","aud":"waybill:service","exp":9999999999}').toString('base64url')}.`;
  const bad = [
    await sign((jwt) => jwt.setExpirationTime('-1m')),
    await sign((jwt) => jwt),
    await sign((jwt) => jwt.setExpirationTime('1m'), bytes()),
    unsigned,
    (await tokens.mintService('orders')).slice(0, -2),
    'nonsense',
    '',
  ];
  for (const token of bad) await expect(tokens.verifyService(token)).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('a ring with a key that is too short, or without an id, stops the start', () => {
  for (const text of ['', 'a', 'a:c2hvcnQ=', `:${bytes().toString('base64')}`, 'a:c2hvcnQ=,b:']) {
    expect(() => createTokens({ keys: new Secret(text) })).toThrow('SERVICE_TOKEN_KEYS must be');
  }
});

test('the credential is read from a bearer header and from nothing else', () => {
  expect(bearerOf('Bearer abc')).toBe('abc');
  expect(bearerOf('bearer abc')).toBe('abc');
  for (const header of [undefined, '', 'abc', 'Basic abc', 'Bearer', 'Bearer a b'])
    expect(() => bearerOf(header)).toThrow('Authorization: Bearer KEY');
});
