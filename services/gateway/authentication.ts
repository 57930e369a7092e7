import { hash, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '@waybill/kernel/errors';
import type { Secret } from '@waybill/kernel/secret';
import { bearerOf, type Principal } from '@waybill/kernel/tokens';
import type { FastifyRequest } from 'fastify';

const admin: Principal = { id: 'key_admin', roles: ['admin'], permissions: ['*'] };

/** Knows one key. Digests are compared, in constant time, so that neither length nor content of the key shows in the timing. */
export function createAuthentication(options: { adminKey: Secret }): (request: FastifyRequest) => Principal {
  const expected = hash('sha256', options.adminKey.reveal(), 'buffer');
  return ({ headers }) => {
    if (timingSafeEqual(hash('sha256', bearerOf(headers.authorization), 'buffer'), expected)) return admin;
    throw new WaybillError('unauthenticated', 'this key is not known');
  };
}
