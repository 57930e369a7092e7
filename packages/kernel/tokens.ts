import { createSecretKey, type KeyObject } from 'node:crypto';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { WaybillError } from './errors.ts';
import type { Logger } from './log.ts';
import { deriveFrom, type Secret } from './secret.ts';

/** Who calls, and what they may do. The permission `*` stands for all. */
export type Principal = { id: string; roles: readonly string[]; permissions: readonly string[] };

export type Tokens = {
  /** For a call to another service's internal routes. */
  mintService(from: string): Promise<string>;
  /** For a request passed on to the service that owns it, on behalf of who made it. */
  mintCaller(principal: Principal): Promise<string>;
  verifyService(token: string): Promise<{ service: string }>;
  verifyCaller(token: string): Promise<Principal>;
};

const lifetimeSeconds = 60;
const clockToleranceSeconds = 10;

type SigningKey = { id: string; key: KeyObject };
export type SigningRing = { signing: SigningKey; byId: ReadonlyMap<string, KeyObject> };

/** Text form of the ring: `id:base64key[,id:base64key…]`; keys have at least 32 bytes. */
export function parseSigningKeys(keys: string): SigningRing {
  const ring = keys.split(',').map((entry) => {
    const [id, text] = entry.trim().split(':');
    const bytes = Buffer.from(text ?? '', 'base64');
    if (!id || bytes.length < 32)
      throw new WaybillError(
        'invalid',
        'SERVICE_TOKEN_KEYS must be a list of id:key pairs, each key at least 32 random bytes in base64, separated by commas',
      );
    return { id, key: createSecretKey(bytes) };
  });
  const [signing] = ring as [SigningKey, ...SigningKey[]]; // split() gives at least one entry, and an empty one threw
  return { signing, byId: new Map(ring.map(({ id, key }) => [id, key])) };
}

/** Short-lived signed tokens between our own processes. The first key signs, all verify, so keys rotate without a pause. */
export function createTokens(options: { keys: Secret; log?: Logger }): Tokens {
  const ring = deriveFrom(options.keys, parseSigningKeys, (err) =>
    options.log?.error('service token keys cannot be used, going on with those in memory', { err }),
  );
  // A token is minted once per half of its life, and its signature is checked once.
  const minted = new LRUCache<string, Promise<string>>({ max: 1_000, ttl: (lifetimeSeconds / 2) * 1_000 });
  const services = new LRUCache<string, { service: string }>({ max: 1_000 });
  const callers = new LRUCache<string, Principal>({ max: 5_000 });

  function mint(audience: string, subject: string, claims: JWTPayload): Promise<string> {
    const { signing } = ring();
    const name = `${signing.id} ${audience} ${subject} ${JSON.stringify(claims)}`;
    const known = minted.get(name);
    if (known) return known;
    const token = new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: signing.id })
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${lifetimeSeconds}s`)
      .sign(signing.key);
    minted.set(name, token);
    return token;
  }

  async function verify<T extends object>(
    token: string,
    audience: string,
    cache: LRUCache<string, T>,
    read: (p: JWTPayload) => T,
  ): Promise<T> {
    const known = cache.get(token);
    if (known) return known;
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = ring().byId.get(kid ?? '');
          if (!key) throw new Error(`no key ${kid}`);
          return key;
        },
        { audience, algorithms: ['HS256'], clockTolerance: clockToleranceSeconds, requiredClaims: ['sub', 'exp'] },
      );
      const value = read(payload);
      const left = ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000 - Date.now();
      if (left > 0) cache.set(token, value, { ttl: left });
      return value;
    } catch (cause) {
      throw new WaybillError('unauthenticated', 'the token is not valid or no longer valid', { cause });
    }
  }

  return {
    mintService: (from) => mint('waybill:service', from, {}),
    mintCaller: ({ id, roles, permissions }) => mint('waybill:caller', id, { roles: [...roles], permissions: [...permissions] }),
    verifyService: (token) => verify(token, 'waybill:service', services, (payload) => ({ service: payload.sub ?? '' })),
    verifyCaller: (token) =>
      verify(token, 'waybill:caller', callers, (payload) => ({
        id: payload.sub ?? '',
        roles: strings(payload['roles']),
        permissions: strings(payload['permissions']),
      })),
  };
}

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);

/** The credential of `Authorization: Bearer …`. */
export function bearerOf(header: string | undefined): string {
  const token = header && /^bearer +([^\s]+)$/i.exec(header)?.[1];
  if (!token) throw new WaybillError('unauthenticated', 'send the header Authorization: Bearer KEY');
  return token;
}
