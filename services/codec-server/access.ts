import { hash, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '@waybill/kernel/errors';
import { createLoginSessions } from '@waybill/kernel/login-sessions';
import { deriveFrom, linesOf } from '@waybill/kernel/secret';
import { bearerOf, type Principal } from '@waybill/kernel/tokens';
import type { FastifyRequest } from 'fastify';
import { createAttempts } from './attempts.ts';
import type { CodecServerSettings } from './settings.ts';

const reader: Principal = { id: 'codec', roles: [], permissions: ['payloads:read', 'payloads:write'] };

export type Access = {
  /** Accepts the session cookie, or the key itself as a bearer. */
  authenticate(request: FastifyRequest): Promise<Principal>;
  /** The end of the session that the request's cookie stands for, if it stands for one. */
  sessionOf(request: FastifyRequest): Promise<Date | undefined>;
  /** Trades the key for the text of a `Set-Cookie` header. Throws `unauthenticated`, or `rate_limited` after too many wrong keys. */
  logIn(request: FastifyRequest, key: string): Promise<string>;
  /** The `Set-Cookie` that ends a session in this browser. */
  logOut(): string;
};

const cookieName = 'waybill_codec';

export function createAccess(settings: CodecServerSettings): Access {
  const expected = deriveFrom(settings.ADMIN_API_KEY, (text) => linesOf(text).map(digest));
  const sessions = createLoginSessions({
    keys: settings.SERVICE_TOKEN_KEYS,
    audience: 'waybill:codec-server',
    credential: settings.ADMIN_API_KEY,
    lifetimeMs: settings.CODEC_SESSION,
  });
  const attempts = createAttempts({ perMinute: 10, perMinuteOfAll: 100 });
  // Lax would do for reading; Strict also keeps a link from elsewhere from arriving logged in. Ports are not part of a site, so the UI's requests carry it.
  const attributes = `Path=/; HttpOnly; SameSite=Strict${settings.CODEC_URL.startsWith('https:') ? '; Secure' : ''}`;

  const requireKey = (request: FastifyRequest, key: string): void => {
    attempts.require(request.ip);
    const given = digest(key);
    if (expected().some((known) => timingSafeEqual(known, given))) return;
    attempts.failed(request.ip);
    throw new WaybillError('unauthenticated', 'this key is not known');
  };

  return {
    async authenticate(request) {
      const token = cookieOf(request.headers.cookie);
      if (request.headers.authorization !== undefined || token === undefined) requireKey(request, bearerOf(request.headers.authorization));
      else await sessions.check(token);
      return reader;
    },
    async sessionOf(request) {
      const token = cookieOf(request.headers.cookie);
      return token === undefined
        ? undefined
        : sessions.check(token).then(
            ({ expiresAt }) => expiresAt,
            () => undefined,
          );
    },
    async logIn(request, key) {
      requireKey(request, key);
      const { token } = await sessions.open();
      return `${cookieName}=${token}; Max-Age=${Math.floor(settings.CODEC_SESSION / 1_000)}; ${attributes}`;
    },
    logOut: () => `${cookieName}=; Max-Age=0; ${attributes}`,
  };
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

function cookieOf(header: string | undefined): string | undefined {
  const found = header?.split(';').find((pair) => pair.trim().startsWith(`${cookieName}=`));
  return found?.slice(found.indexOf('=') + 1).trim() || undefined;
}
