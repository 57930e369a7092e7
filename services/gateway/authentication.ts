import { hash, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '@waybill/kernel/errors';
import { deriveFrom, linesOf, type Secret } from '@waybill/kernel/secret';
import { bearerOf, type Principal } from '@waybill/kernel/tokens';
import type { FastifyRequest } from 'fastify';

const admin: Principal = { id: 'key_admin', roles: ['admin'], permissions: ['*'] };

/** Knows one key, and for the time of its replacement two, a line each. Digests are compared, in constant time, so that neither length nor content of the key shows in the timing. */
export function createAuthentication(options: { adminKey: Secret }): (request: FastifyRequest) => Principal {
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  const expected = deriveFrom(options.adminKey, (text) => linesOf(text).map(digest));
  return ({ headers }) => {
    const given = digest(bearerOf(headers.authorization));
    if (expected().some((known) => timingSafeEqual(known, given))) return admin;
    throw new WaybillError('unauthenticated', 'this key is not known');
  };
}
