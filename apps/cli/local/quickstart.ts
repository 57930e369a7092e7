import { createApi } from '../api.ts';
import type { Configuration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { printFailure } from '../failure.ts';
import { driveFirstOrder } from './journey.ts';
import { runLocal } from './run-local.ts';
import { start, summary } from './start.ts';

/** What `npm start` does: everything up, a demo catalogue, order #1 from placement to delivery, and then on until Ctrl-C. */
export async function quickstart(context: Context): Promise<number> {
  if (context.dryRun) return start(context);
  const { io } = context;
  return runLocal(context, {
    seed: true,
    async ready(configuration, signal) {
      io.out('');
      const api = createApi({ url: configuration.listenUrl, key: configuration.text('ADMIN_API_KEY') ?? '' });
      try {
        await driveFirstOrder(api, io.out, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        // What runs is of use also without this order.
        printFailure(error, io, false);
        io.out('order #1 could not be brought to its end; everything else runs');
      }
      for (const line of [...summary(context, configuration), ...tryNext(context, configuration)]) io.out(line);
    },
    bound: () => true,
  });
}

function tryNext(context: Context, { apiUrl }: Configuration): string[] {
  const { flag } = context.root;
  return [
    'Try next, in another terminal in this folder:',
    '',
    `  npx waybill ${flag}orders place --sku MUG-BLUE:2 --watch`,
    `  npx waybill ${flag}orders list`,
    `  curl -s ${apiUrl}/v1/orders -H "Authorization: Bearer $(npx waybill ${flag}config printvalue ADMIN_API_KEY)"`,
    '',
    'Everything runs until Ctrl-C, and goes on where it was with the next start.',
  ];
}
