import type { History } from '@waybill/kernel/replay';

/** What a history tells: which steps were done in which order, and what the workflow was doing where it ends. */
export type Story = { steps: string[]; doing: string };

type Event = NonNullable<History['events']>[number];

/** Reads what Temporal keeps in plain text (names of steps, signals and updates), so it needs no key. */
export function storyOf({ events }: History): Story {
  const steps: string[] = [];
  const far = new Map<string, string>();
  let ended = false;
  for (const event of events ?? []) {
    const step = stepOf(event);
    if (step !== undefined) steps.push(step);
    const { activityTaskScheduledEventAttributes: scheduled } = event;
    if (scheduled) far.set(String(event.eventId), `${scheduled.activityType?.name} on the queue ${scheduled.taskQueue?.name}`);
    const done =
      event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes ?? event.activityTaskCanceledEventAttributes;
    if (done) far.delete(String(done.scheduledEventId));
    ended ||= Boolean(event.workflowExecutionCompletedEventAttributes ?? event.workflowExecutionFailedEventAttributes);
  }
  const last = steps.findLast((step) => step !== 'saveOrder' && step !== 'timer') ?? 'its start';
  if (ended) return { steps, doing: `had ended after ${last}` };
  return { steps, doing: far.size > 0 ? `waited for ${[...far.values()].join(' and ')}` : `rested after ${last}` };
}

function stepOf(event: Event): string | undefined {
  const {
    markerRecordedEventAttributes: marker,
    activityTaskScheduledEventAttributes: scheduled,
    workflowExecutionSignaledEventAttributes: signal,
    workflowExecutionUpdateAcceptedEventAttributes: update,
    timerStartedEventAttributes: timer,
  } = event;
  if (marker) return localActivityOf(marker.details?.['data']?.payloads?.[0]?.data) ?? marker.markerName ?? 'marker';
  if (scheduled) return `${scheduled.activityType?.name} (far)`;
  if (signal) return signal.signalName ?? 'signal';
  if (update) return update.acceptedRequest?.input?.name ?? 'update';
  return timer ? 'timer' : undefined;
}

/** The SDK writes the name of a local activity into its marker, as plain JSON. */
function localActivityOf(data: Uint8Array | null | undefined): string | undefined {
  if (!data) return undefined;
  try {
    const { activity_type: name } = JSON.parse(Buffer.from(data).toString()) as { activity_type?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
