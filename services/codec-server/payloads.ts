import type { KeyRing } from '@waybill/kernel/encryption';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { createPayloadCodec } from '@waybill/kernel/payload-codec';
import Type, { type Static } from 'typebox';

type Payload = Parameters<ReturnType<typeof createPayloadCodec>['encode']>[0][number];

// Both alphabets: the protobuf JSON mapping takes either.
const base64 = '^[A-Za-z0-9+/_-]*={0,2}$';

const PayloadSchema = Type.Object(
  {
    metadata: Type.Optional(Type.Record(Type.String({ maxLength: 200 }), Type.String({ pattern: base64 }))),
    data: Type.Optional(Type.String({ pattern: base64 })),
  },
  { additionalProperties: false },
);

/** The body of Temporal's remote codec protocol, to and fro: payloads in protobuf's JSON mapping. */
export const PayloadsSchema = Type.Object({ payloads: Type.Array(PayloadSchema, { maxItems: 10_000 }) }, { additionalProperties: false });

type PayloadJson = Static<typeof PayloadSchema>;
export type PayloadsJson = Static<typeof PayloadsSchema>;

export function createPayloadService(ring: KeyRing): {
  encode(body: PayloadsJson): Promise<PayloadsJson>;
  decode(body: PayloadsJson): Promise<PayloadsJson>;
} {
  const codec = createPayloadCodec(ring);
  const convert =
    (one: (payload: Payload) => Promise<Payload[]>) =>
    async (body: PayloadsJson): Promise<PayloadsJson> => {
      const payloads: PayloadJson[] = [];
      for (const [index, payload] of body.payloads.entries()) {
        try {
          const [converted] = await one(fromJson(payload));
          payloads.push(toJson(converted ?? {}));
        } catch (error) {
          if (error instanceof WaybillError && error.code === 'invalid') throw invalidField(`payloads[${index}]`, error.message);
          throw error;
        }
      }
      return { payloads };
    };
  return {
    encode: convert((payload) => codec.encode([payload])),
    decode: convert((payload) => codec.decode([payload])),
  };
}

const fromJson = ({ metadata = {}, data }: PayloadJson): Payload => ({
  metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')])),
  ...(data === undefined ? {} : { data: Buffer.from(data, 'base64') }),
});

const toJson = ({ metadata, data }: Payload): PayloadJson => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, textOf(value)])),
  ...(data && data.length > 0 ? { data: textOf(data) } : {}),
});

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
