import { loadSettings } from '@waybill/kernel/config';
import { openKeyRing } from '@waybill/kernel/encryption';
import { Secret } from '@waybill/kernel/secret';
import type { Temporal } from '@waybill/kernel/temporal-client';
import { secretValue } from '../k8s/cluster-secrets.ts';
import { openForward } from '../k8s/forward.ts';
import type { Session } from '../k8s/session.ts';

/** Environments that share a Temporal are told apart by their namespace; see deploy/environments. */
export const namespaceOf = ({ environment }: Session): string => (environment === 'prod' ? 'default' : environment);

/** Lends a client of the cluster's Temporal, through a port-forward that ends with the work. */
export async function withTemporal<T>(session: Session, work: (temporal: Temporal, address: string) => Promise<T>): Promise<T> {
  const { createTemporal, temporalSettings } = await import('@waybill/kernel/temporal-client'); // gRPC is a good part of the command's start-up
  const keys = await secretValue(session, 'ENCRYPTION_KEYS');
  const forward = await openForward(session, { namespace: 'infra', target: 'service/temporal-frontend', port: 7233 });
  const address = `127.0.0.1:${forward.port}`;
  const temporal = createTemporal({
    settings: loadSettings(temporalSettings, {
      environment: {
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespaceOf(session),
        TEMPORAL_TIMEOUT: '10s',
        TEMPORAL_COMMAND_TIMEOUT: '20s',
      },
    }),
    // Without the key ring everything works but reading what is sealed.
    ring: openKeyRing({ keys: new Secret(keys ?? `none:${Buffer.alloc(32).toString('base64')}`) }),
    identity: 'waybill-cli',
  });
  try {
    return await work(temporal, address);
  } finally {
    await temporal.close();
    forward.close();
  }
}
