import { isGrpcServiceError } from '@temporalio/client';
import protocol from '@temporalio/proto'; // CommonJS: Node finds no names in it
import { WaybillError } from './errors.ts';
import type { Temporal } from './temporal-client.ts';
import { fromTemporalError } from './temporal-failure.ts';

/**
 * `current` gets new orders and those that move on; `ramping` a share of them; `draining` still has orders pinned to it;
 * `drained` has none, so that its workers may go; `inactive` was never current.
 */
export type BuildStatus = 'current' | 'ramping' | 'draining' | 'drained' | 'inactive';

export type Build = {
  buildId: string;
  status: BuildStatus;
  /** True once it has been current or ramping. */
  wasActive: boolean;
  createdAt: string;
};

export type Deployment = {
  name: string;
  /** Undefined while tasks go to workers without a version. */
  current: string | undefined;
  builds: Build[];
  /** Makes a change fail when somebody else made one since this was read. */
  token: Uint8Array;
};

const changeTimeoutMs = 30_000; // the server tells every partition of every task queue before it answers
const notFound = 5;
const failedPrecondition = 9;
const { WorkerDeploymentVersionStatus: Status, TaskQueueType } = protocol.temporal.api.enums.v1;

const statusNames = new Map<number, BuildStatus>([
  [Status.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT, 'current'],
  [Status.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING, 'ramping'],
  [Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING, 'draining'],
  [Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED, 'drained'],
]);

/** A worker deployment with its builds, the newest first; undefined until its first worker has polled. */
export async function readDeployment({ client, connection }: Temporal, name: string): Promise<Deployment | undefined> {
  try {
    const { namespace } = client.options;
    const { workerDeploymentInfo: info, conflictToken } = await connection.workflowService.describeWorkerDeployment({
      namespace,
      deploymentName: name,
    });
    const builds = (info?.versionSummaries ?? []).map(
      (summary): Build => ({
        buildId: summary.deploymentVersion?.buildId ?? '',
        status: statusNames.get(summary.status ?? 0) ?? 'inactive',
        wasActive: Boolean(summary.firstActivationTime ?? summary.routingUpdateTime),
        createdAt: dateOf(summary.createTime).toISOString(),
      }),
    );
    return {
      name,
      current: info?.routingConfig?.currentDeploymentVersion?.buildId || undefined,
      builds: builds.sort((a, b) => b.createdAt.localeCompare(a.createdAt)),
      token: conflictToken,
    };
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === notFound) return undefined;
    // Temporal keeps builds in workflows of its own, and for some seconds after its start nobody works on those.
    if (isGrpcServiceError(error) && error.code === failedPrecondition)
      throw new WaybillError('unavailable', `Temporal cannot say yet which builds ${name} has: ${error.details}`, { cause: error });
    throw fromTemporalError(error) ?? error;
  }
}

/** Names of all worker deployments of the namespace. */
export async function deploymentNames({ client, connection }: Temporal): Promise<string[]> {
  const names: string[] = [];
  let nextPageToken = new Uint8Array();
  do {
    const page = await connection.workflowService
      .listWorkerDeployments({ namespace: client.options.namespace, pageSize: 100, nextPageToken })
      .catch((error: unknown) => {
        throw fromTemporalError(error) ?? error;
      });
    for (const { name } of page.workerDeployments) if (name) names.push(name);
    nextPageToken = new Uint8Array(page.nextPageToken);
  } while (nextPageToken.length > 0);
  return names.sort();
}

/**
 * Sends new orders, and those that move on, to a build; without one to workers that have no version. Temporal refuses a build
 * whose workers do not poll every queue that the current one polls, which becomes `conflict`. Safe to repeat.
 */
export async function setCurrentBuild(
  { client, connection }: Temporal,
  { name, buildId, token }: { name: string; buildId: string | undefined; token?: Uint8Array },
): Promise<void> {
  const request = {
    namespace: client.options.namespace,
    deploymentName: name,
    buildId: buildId ?? '',
    ...(token && { conflictToken: token }),
  };
  await connection
    .withDeadline(Date.now() + changeTimeoutMs, () => connection.workflowService.setWorkerDeploymentCurrentVersion(request))
    .catch((error: unknown) => {
      const known = fromTemporalError(error);
      if (known) throw known;
      if (!isGrpcServiceError(error)) throw error;
      throw new WaybillError('conflict', `${buildId ?? 'no build'} cannot become current in ${name}: ${error.details}`, { cause: error });
    });
}

/** When a worker of a build last asked a queue for work; undefined when none did in the last minutes. */
export async function lastPollOf(
  { client, connection }: Temporal,
  { name, buildId, taskQueue }: { name: string; buildId: string; taskQueue: string },
): Promise<Date | undefined> {
  const { namespace } = client.options;
  const kinds = [TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY];
  const answers = await Promise.all(
    kinds.map((taskQueueType) =>
      connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType }),
    ),
  ).catch((error: unknown) => {
    throw fromTemporalError(error) ?? error;
  });
  const polls = answers.flatMap(({ pollers }) =>
    (pollers ?? []).flatMap(({ deploymentOptions, lastAccessTime }) =>
      deploymentOptions?.deploymentName === name && deploymentOptions.buildId === buildId ? [dateOf(lastAccessTime).getTime()] : [],
    ),
  );
  return polls.length > 0 ? new Date(Math.max(...polls)) : undefined;
}

/**
 * How many workflows are open whose last step ran on a build; without one, those that never ran on any. With `pinned` only
 * those that stay there.
 */
export async function countOpen(
  { client }: Temporal,
  version: { name: string; buildId: string } | undefined,
  { pinned = false }: { pinned?: boolean } = {},
): Promise<number> {
  const where = version
    ? `TemporalWorkerDeploymentVersion = "${version.name}:${version.buildId}"`
    : 'TemporalWorkerDeploymentVersion is null';
  const stay = pinned ? ' and TemporalWorkflowVersioningBehavior = "Pinned"' : '';
  const { count } = await client.workflow.count(`ExecutionStatus = "Running" and ${where}${stay}`).catch((error: unknown) => {
    throw fromTemporalError(error) ?? error;
  });
  return count;
}

const dateOf = (time: { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined): Date =>
  new Date(Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000));
