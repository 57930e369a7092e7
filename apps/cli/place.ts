import { CommandError } from './failure.ts';

export type PlaceOptions = {
  sku?: string[];
  currency: string;
  shippingMethod: string;
  address?: string;
  customer?: string;
  externalId?: string;
  provider: string;
  token: string;
};

/** Somebody to ship to, for trying things out. */
export const demoAddress = { name: 'Ada Lovelace', line1: 'Kanalstraße 1', postalCode: '10115', city: 'Berlin', country: 'DE' };

/** The body of POST /v1/orders from a command line. The server judges what is in it; only what cannot be written down fails here. */
export function orderBody(options: PlaceOptions): Record<string, unknown> {
  if (!options.sku?.length) {
    throw new CommandError('invalid', 'an order needs at least one line', {
      fix: 'add --sku SKU[:QUANTITY], or give the whole order with --file',
    });
  }
  return {
    ...(options.customer !== undefined && { customerId: options.customer }),
    ...(options.externalId !== undefined && { externalId: options.externalId }),
    currency: options.currency,
    lines: options.sku.map(parseLine),
    delivery: { method: 'ship', shippingMethod: options.shippingMethod, address: parseAddress(options.address) },
    payment: { provider: options.provider, token: options.token },
  };
}

function parseLine(text: string): { sku: string; quantity: number } {
  const split = text.lastIndexOf(':');
  const sku = split < 0 ? text : text.slice(0, split);
  const quantity = split < 0 ? 1 : Number(text.slice(split + 1));
  if (sku !== '' && Number.isFinite(quantity) && text.slice(split + 1).trim() !== '') return { sku, quantity };
  throw new CommandError('invalid', `--sku ${text}: the quantity must be a number`, { fix: 'write it as --sku MUG-BLUE:2' });
}

function parseAddress(text: string | undefined): unknown {
  if (text === undefined) return demoAddress;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError('invalid', '--address is not valid JSON', { fix: `write it like '${JSON.stringify(demoAddress)}'`, cause });
  }
}
