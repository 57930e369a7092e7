import { invalidField } from '@waybill/kernel/errors';
import { Text } from '@waybill/kernel/schemas';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Asking } from '../commands.ts';

export const CommandHeaders = Type.Object({
  'idempotency-key': Type.Optional(Text({ max: 255, description: 'A repeat with the same key gets the same answer' })),
  'if-match': Type.Optional(Type.String({ maxLength: 100, description: 'The ETag of the order as it was read' })),
});

export const PlaceHeaders = Type.Object({
  'idempotency-key': Type.Optional(Text({ max: 255, description: 'A repeat with the same key and body gets the same answer' })),
  prefer: Type.Optional(
    Type.String({ maxLength: 100, description: '`wait=5` holds the answer for up to 5 seconds, until the order has left `pending`' }),
  ),
});

export const etagOf = (version: number): string => `"${version}"`;

type Headers = { 'idempotency-key'?: string; 'if-match'?: string };

export function askingOf(request: FastifyRequest, headers: Headers): Asking {
  return {
    idempotencyKey: headers['idempotency-key'],
    told: { actor: request.principal.id, expectedVersion: versionOf(headers['if-match']), asked: '' },
  };
}

function versionOf(etag: string | undefined): number | null {
  if (etag === undefined || etag === '*') return null;
  const match = /^"(\d{1,9})"$/.exec(etag);
  if (!match) throw invalidField('if-match', `${etag} is not an ETag of an order, such as "3"`);
  return Number(match[1]);
}

/** RFC 7240: the seconds of `wait`, at most 20, which is less than any time-out on the way; 0 without one. */
export function waitOf(prefer: string | undefined): number {
  const match = /(?:^|[,;\s])wait\s*=\s*(\d{1,6})/i.exec(prefer ?? '');
  return match ? Math.min(Number(match[1]), 20) : 0;
}
