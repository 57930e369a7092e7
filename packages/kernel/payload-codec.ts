import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { KeyRing } from './encryption.ts';
import { WaybillError } from './errors.ts';

const wire = proto.temporal.api.common.v1.Payload;
const encoding = Buffer.from('binary/encrypted');
const decoder = new TextDecoder();

/** Whether this codec made the payload. */
export const isEncrypted = (payload: Payload): boolean => {
  const found = payload.metadata?.['encoding'];
  return found !== undefined && found !== null && encoding.equals(found);
};

/**
 * Encrypts whole payloads (type and metadata too), so that Temporal stores nothing readable. It runs for every payload of every
 * workflow task, hence synchronous work only. What is not ours passes `decode` unchanged, so that plain histories stay readable.
 */
export function createPayloadCodec(ring: KeyRing): PayloadCodec {
  const idBytes = new Map<string, Uint8Array>();
  const bytesOf = (id: string): Uint8Array => {
    const known = idBytes.get(id);
    if (known) return known;
    const bytes = Buffer.from(id);
    idBytes.set(id, bytes);
    return bytes;
  };

  const seal = (payload: Payload): Payload => {
    const { keyId, sealed } = ring.encrypt(wire.encode(payload).finish());
    return { metadata: { encoding, 'encryption-key-id': bytesOf(keyId) }, data: sealed };
  };

  const open = (payload: Payload): Payload => {
    if (!isEncrypted(payload)) return payload;
    const keyId = payload.metadata?.['encryption-key-id'];
    if (!keyId || !payload.data) throw new WaybillError('invalid', 'an encrypted payload must carry encryption-key-id and data');
    const plain = ring.decrypt(decoder.decode(keyId), payload.data);
    try {
      return wire.decode(plain);
    } catch (error) {
      throw new WaybillError('invalid', 'the decrypted data is not a payload', { cause: error });
    }
  };

  return {
    encode: async (payloads) => payloads.map(seal),
    decode: async (payloads) => payloads.map(open),
  };
}
