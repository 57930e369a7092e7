import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { unwrap } from '@waybill/client';
import { newId } from '@waybill/kernel/ids';
import { formatMoney } from '@waybill/kernel/money';
import type { Command } from 'commander';
import { type Api, createApi, type Order, type PlaceOrder } from '../api.ts';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print, table } from '../context.ts';
import { examples } from '../examples.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { followOrder } from '../follow.ts';
import { createEventLines, describeOrder, nextStepOf } from '../order-text.ts';
import { orderBody, type PlaceOptions } from '../place.ts';

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

export function addOrders(program: Command, act: Act): void {
  const orders = program.command('orders').description('place, find, follow and cancel orders through the API');
  orders
    .command('place')
    .description('place an order')
    .option('--sku <SKU[:QUANTITY]>', 'a line (repeatable)', collect)
    .option('--file <path>', 'the whole order as JSON, as POST /v1/orders takes it; - reads standard input')
    .option('--currency <code>', 'currency of the order', 'EUR')
    .option('--shipping-method <name>', 'how it is shipped', 'standard')
    .option('--address <JSON>', 'where to; a demo address when left out')
    .option('--customer <id>', 'the customer')
    .option('--external-id <id>', 'your own id of the order')
    .option('--provider <name>', 'payment provider', 'simulated')
    .option('--token <token>', 'payment token', 'tok_approve')
    .option('--key <text>', 'idempotency key; the same key never places a second order (default: a new one)')
    .option('--watch', 'follow the order afterwards')
    .addHelpText(
      'after',
      examples('waybill orders place --sku MUG-BLUE:2 --sku TEE-M', 'waybill orders place --file order.json --key shop-4711 --watch'),
    )
    .action(act(place));
  orders
    .command('list')
    .description('list orders, the newest first')
    .option('--status <status>', 'only orders in this status')
    .option('--customer <id>', 'only orders of this customer')
    .option('--q <text>', 'search')
    .option('--limit <number>', 'how many', '20')
    .option('--cursor <cursor>', 'go on where a list ended')
    .addHelpText('after', examples('waybill orders list --status processing', 'waybill orders list --limit 200 --json'))
    .action(act(list));
  orders
    .command('show')
    .argument('<id>', 'id of the order')
    .description('show one order')
    .addHelpText('after', examples('waybill orders show ord_…', 'waybill orders show ord_… --json'))
    .action(act(show));
  orders
    .command('watch')
    .argument('<id>', 'id of the order')
    .description('print what happens to an order as it happens, until it has ended (with --json one event a line)')
    .addHelpText('after', examples('waybill orders watch ord_…'))
    .action(act(watch));
  orders
    .command('cancel')
    .argument('<id>', 'id of the order')
    .option('--reason <text>', 'why', 'cancelled by an operator')
    .description('cancel an order; with --dry-run show what that would undo')
    .addHelpText('after', examples('waybill orders cancel ord_… --reason "ordered twice"', 'waybill orders cancel ord_… --dry-run'))
    .action(act(cancel));
}

/** The API of this root folder's installation, with its key. */
export function apiOf(context: Context): Api {
  const configuration = loadConfiguration(context.root, context.io.env);
  return createApi({ url: configuration.apiUrl, key: keyOf(context, configuration) });
}

export function keyOf(context: Context, configuration: Configuration): string {
  const key = configuration.text('ADMIN_API_KEY');
  if (key) return key;
  throw new CommandError('unauthenticated', `there is no ADMIN_API_KEY in ${context.root.path}`, {
    fix: 'start this machine’s installation once ("waybill local start -d"), name its root folder with -r, or set ADMIN_API_KEY',
  });
}

async function place(
  context: Context,
  options: PlaceOptions & { file?: string; key?: string; watch?: boolean },
): Promise<number | undefined> {
  const body = options.file === undefined ? orderBody(options) : await readOrder(context, options.file);
  const header = { 'idempotency-key': options.key ?? newId('cli') };
  if (context.dryRun) return showRequest(context, body, header);
  // What a file holds is for the server to judge: it names every field that is wrong.
  const order = unwrap(await apiOf(context).client.POST('/v1/orders', { body: body as PlaceOrder, params: { header } }));
  if (!options.watch) return print(context, order, [`${order.id} is placed`, ...describeOrder(order)]);
  if (!context.json) context.io.out(`${order.id} is placed: ${formatMoney(order.total)}`);
  return watch(context, order.id);
}

async function readOrder(context: Context, file: string): Promise<unknown> {
  const path = resolve(context.io.cwd, file);
  let text: string;
  try {
    text = file === '-' ? await context.io.readInput() : readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CommandError('not_found', `${path} cannot be read`, { fix: 'name a file that holds the order as JSON', cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError('invalid', `${file} is not valid JSON: ${reason}`, { fix: 'correct it; docs show an order in JSON', cause });
  }
}

function showRequest(context: Context, body: unknown, headers: Record<string, string>): undefined {
  const url = `${loadConfiguration(context.root, context.io.env).apiUrl}/v1/orders`;
  print(context, { method: 'POST', url, headers, body }, [
    `POST ${url}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    JSON.stringify(body, null, 2),
  ]);
}

type ListOptions = { status?: string; customer?: string; q?: string; limit: string; cursor?: string };

async function list(context: Context, options: ListOptions): Promise<undefined> {
  const { limit, status, customer, q, cursor } = options;
  const query = {
    limit: Number(limit),
    ...(status !== undefined && { status: status as Order['status'] }), // the server names the ones there are
    ...(customer !== undefined && { customerId: customer }),
    ...(q !== undefined && { q }),
    ...(cursor !== undefined && { cursor }),
  };
  const page = unwrap(await apiOf(context).client.GET('/v1/orders', { params: { query } }));
  print(context, page, [
    ...(page.items.length === 0 ? ['no orders'] : []),
    ...table(
      page.items.map((order) => [
        order.id,
        String(order.number),
        order.status,
        order.paymentStatus,
        formatMoney(order.total),
        order.placedAt,
      ]),
    ),
    ...(page.nextCursor ? [`more: --cursor ${page.nextCursor}`] : []),
  ]);
}

async function show(context: Context, id: string): Promise<undefined> {
  const order = unwrap(await apiOf(context).client.GET('/v1/orders/{id}', { params: { path: { id } } }));
  print(context, order, describeOrder(order));
}

async function watch(context: Context, id: string): Promise<number | undefined> {
  const api = apiOf(context);
  const { placedAt } = unwrap(await api.client.GET('/v1/orders/{id}', { params: { path: { id } } }));
  const line = createEventLines(placedAt);
  const stopped = new AbortController();
  const forget = context.io.onStop(() => stopped.abort(new Interrupted()));
  try {
    const order = await followOrder(api, id, {
      signal: stopped.signal,
      onEvent(item) {
        context.io.out(context.json ? JSON.stringify(item) : line(item));
        const next = context.json ? undefined : nextStepOf(item);
        if (next !== undefined) context.io.out(next);
      },
    });
    if (!context.json) context.io.out(`${id} is ${order.status}`);
    return 0;
  } finally {
    forget();
  }
}

async function cancel(context: Context, id: string, options: { reason: string }): Promise<undefined> {
  const answer = unwrap(
    await apiOf(context).client.POST('/v1/orders/{id}/cancel', {
      params: { path: { id }, query: { dryRun: context.dryRun } },
      body: { reason: options.reason },
    }),
  );
  const lines = context.dryRun
    ? ['a cancel would do this:', JSON.stringify(answer, null, 2)]
    : [`the cancel of ${id} is accepted; "waybill orders show ${id}" says how far it is`];
  print(context, answer, lines);
}
