import type { WorkerDeploymentVersion } from '@temporalio/common';
import { SettingsError, type SettingsOf, type SettingsSchema, setting } from './config.ts';

export const versionSettings = {
  TEMPORAL_VERSIONING: setting.choice({
    of: ['off', 'pinned', 'autoUpgrade'],
    description:
      'Whether workers say which build they are: off; pinned (an order ends on the build it began on, whose workers must stay until then); or autoUpgrade (orders move on to the current build, which must be able to replay them).',
    default: 'off',
  }),
  TEMPORAL_WORKER_BUILD_ID: setting.optional(
    setting.text({ description: 'The build of this process, for TEMPORAL_VERSIONING: usually the tag of its image.' }),
  ),
  TEMPORAL_DEPLOYMENT_PREFIX: setting.text({
    description: 'The worker deployment of a service is named PREFIX-SERVICE, the same in every layout of processes.',
    default: 'waybill',
  }),
  TEMPORAL_DEPLOYMENT_NAME: setting.optional(
    setting.text({
      description:
        'The whole name of the worker deployment, in a process with one worker. Set by the Temporal Worker Controller, which then also chooses the current build.',
    }),
  ),
} satisfies SettingsSchema;

export type VersionSettings = SettingsOf<typeof versionSettings>;

/** What a worker says of itself, and how it treats orders. */
export type WorkerVersion = {
  version: WorkerDeploymentVersion;
  behavior: 'PINNED' | 'AUTO_UPGRADE';
  /** Another program chooses the current build. */
  managed: boolean;
};

export const deploymentName = (prefix: string, service: string): string => `${prefix}-${service}`;

/** The version of each service's worker in a process, or none with versioning off. Throws SettingsError with all problems. */
export function workerVersions(settings: VersionSettings, services: readonly string[]): ReadonlyMap<string, WorkerVersion> {
  const { TEMPORAL_VERSIONING: versioning, TEMPORAL_WORKER_BUILD_ID: buildId, TEMPORAL_DEPLOYMENT_NAME: wholeName } = settings;
  if (versioning === 'off' || services.length === 0) return new Map();
  const problems: string[] = [];
  if (buildId === undefined) {
    problems.push(`TEMPORAL_WORKER_BUILD_ID is missing: with TEMPORAL_VERSIONING=${versioning} a worker must say which build it is`);
  } else if (!/^[\w.+-]{1,100}$/.test(buildId)) {
    problems.push(`TEMPORAL_WORKER_BUILD_ID must be up to 100 letters, digits and . _ + -, not "${buildId}"`);
  }
  if (wholeName !== undefined && services.length > 1) {
    problems.push(
      `TEMPORAL_DEPLOYMENT_NAME names one deployment, and this process has the workers of ${services.join(', ')}: leave it out, so that each gets a name of its own`,
    );
  }
  if (buildId === undefined || problems.length > 0) throw new SettingsError(problems);
  return new Map(
    services.map((service): [string, WorkerVersion] => [
      service,
      {
        version: { deploymentName: wholeName ?? deploymentName(settings.TEMPORAL_DEPLOYMENT_PREFIX, service), buildId },
        behavior: versioning === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE',
        managed: wholeName !== undefined,
      },
    ]),
  );
}
