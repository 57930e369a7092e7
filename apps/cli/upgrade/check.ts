import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadConfiguration } from '../configuration.ts';
import { type Context, print } from '../context.ts';
import { checkUpgradeInDocker, usesDocker } from '../docker/lifecycle.ts';
import { CommandError } from '../failure.ts';
import { openSession } from '../k8s/session.ts';
import { checkInCluster } from './in-cluster.ts';

type Options = { check?: boolean; env?: string; sample?: string };

/** Exit code 5 when an order would stop under the build at hand: this checkout, or the image of the cluster's next install. */
export async function upgrade(context: Context, options: Options): Promise<number> {
  if (!options.check) {
    throw new CommandError('invalid', 'what to do was not named', {
      fix: '"waybill upgrade --check" tells whether running orders can go on; then "waybill k8s quickstart" or "npm start" upgrades',
    });
  }
  const { sample = '200' } = options;
  if (context.dryRun) {
    print(context, { would: 'replay', sample: Number(sample) }, [`would replay up to ${sample} orders; nothing is changed by it`]);
    return 0;
  }
  if (options.env === undefined) return usesDocker(context) ? checkUpgradeInDocker(context, sample) : checkHere(context, sample);
  const { report, lines, code } = await checkInCluster(openSession(context, options), sample);
  print(context, report, lines);
  return code;
}

/** Against the Temporal of the settings, with the code of this checkout. */
async function checkHere(context: Context, sample: string): Promise<number> {
  const { operate } = await import('@waybill/server/operations/run'); // brings every service along
  const recorded = fileURLToPath(new URL('../../../test/histories', import.meta.url));
  const options = { sample, ...(existsSync(recorded) && { recorded }) };
  const result = await operate('check-upgrade', { environment: serverEnvironment(context) }, options);
  if (!result) throw new Error('the server has no check-upgrade');
  print(context, result.data, result.lines);
  return result.failed ? 5 : 0;
}

/** What a server started here would find in its environment. */
function serverEnvironment(context: Context): Record<string, string> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const local = `127.0.0.1:${configuration.cli.LOCAL_TEMPORAL_PORT}`;
  return {
    ...configuration.childEnvironment(),
    ...(!configuration.chosen('TEMPORAL_ADDRESS') && { TEMPORAL_ADDRESS: local }),
    WORKFLOW_CACHE_DIR: context.root.cache,
  };
}
