import { unwrap } from '@waybill/client';
import { newId } from '@waybill/kernel/ids';
import { formatMoney } from '@waybill/kernel/money';
import { linesOf } from '@waybill/kernel/secret';
import { createApi } from '../api.ts';
import { type Context, print, proseOf } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { carryOut } from '../local/journey.ts';
import { demoAddress } from '../place.ts';
import { secretValue } from './cluster-secrets.ts';
import { keepForward } from './forward.ts';
import { openSession, type Session } from './session.ts';

export type VerifyOptions = { env?: string; sku?: string; url?: string; timeout?: string };

export async function verify(context: Context, options: VerifyOptions): Promise<number> {
  return verifyIn(openSession(context, options), options);
}

/** Places one order in the cluster and follows it to its end, playing the carrier where nobody else does. The order stays. */
export async function verifyIn(session: Session, options: VerifyOptions): Promise<number> {
  const { context, environment } = session;
  const say = proseOf(context);
  const sku = options.sku ?? 'MUG-BLUE';
  if (context.dryRun) {
    print(context, { environment, sku }, [`would place a test order (1 × ${sku}) in ${environment} and follow it to its end`]);
    return 0;
  }
  const [key] = linesOf(context.io.env['ADMIN_API_KEY'] ?? (await secretValue(session, 'ADMIN_API_KEY')) ?? '');
  if (!key) {
    throw new CommandError('unauthenticated', `there is no ADMIN_API_KEY of ${environment} in ${context.root.path}`, {
      fix: `run "waybill k8s quickstart -e ${environment}", which takes it over from the cluster, or set ADMIN_API_KEY`,
    });
  }
  const stop = new AbortController();
  const forget = context.io.onStop(() => stop.abort(new Interrupted()));
  const seconds = Number(options.timeout ?? '180');
  const timer = setTimeout(() => stop.abort(tooLate(environment, seconds)), seconds * 1_000);
  const closing = new AbortController();
  const started = Date.now();
  try {
    const url = options.url ?? (await keepForward(session, gatewayOf(session), { signal: closing.signal })).url;
    const api = createApi({ url, key });
    const header = { 'idempotency-key': newId('cli') };
    const body = {
      currency: 'EUR',
      lines: [{ sku, quantity: 1 }],
      delivery: { method: 'ship' as const, shippingMethod: 'standard', address: demoAddress },
      payment: { provider: 'simulated' as const, token: 'tok_approve' },
    };
    const order = unwrap(
      await api.client.POST('/v1/orders', { body, params: { header } }).catch((error: unknown) => {
        throw withoutCatalogue(error, sku, environment);
      }),
    );
    say(`test order ${order.id} is placed in ${environment}, ${formatMoney(order.total)}`);
    const ended = await carryOut(api, order, say, stop.signal);
    const took = ((Date.now() - started) / 1_000).toFixed(1);
    print(context, { environment, order: ended.id, status: ended.status, seconds: Number(took) }, [
      `${ended.id} is ${ended.status} after ${took} s`,
    ]);
    if (ended.status === 'completed') return 0;
    throw new CommandError('unavailable', `the test order ${ended.id} ended as ${ended.status}`, {
      fix: `its events say why: GET /v1/orders/${ended.id}/timeline, and "waybill k8s logs -e ${environment}"`,
    });
  } finally {
    clearTimeout(timer);
    closing.abort();
    forget();
  }
}

const gatewayOf = ({ environment }: Session) => ({ namespace: environment, target: 'service/gateway', port: 3000 });

const tooLate = (environment: string, seconds: number): CommandError =>
  new CommandError('unavailable', `the test order has not ended after ${seconds} s`, {
    fix: `"waybill k8s status -e ${environment}" says what is not ready; the order goes on by itself once that is mended`,
  });

function withoutCatalogue(error: unknown, sku: string, environment: string): unknown {
  if (!(error instanceof CommandError) || !error.errors.some(({ field }) => /sku/.test(field))) return error;
  return new CommandError('not_found', `${environment} sells no ${sku}, so no test order can be placed`, {
    fix: `add the demo catalogue with "waybill k8s do seed -e ${environment}", or name something it sells with --sku`,
    cause: error,
  });
}
