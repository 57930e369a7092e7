import {
  ApplicationFailure,
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  upsertMemo,
} from '@temporalio/workflow';

type Activities = { greet(input: { name: string }): Promise<string>; refuse(input: { reason: string }): Promise<never> };

const near = proxyLocalActivities<Activities>({ startToCloseTimeout: '2 seconds', retry: { maximumAttempts: 1 } });
const far = proxyActivities<Activities>({ startToCloseTimeout: '5 seconds', retry: { initialInterval: '100 milliseconds' } });

export const release = defineSignal<[{ word: string }]>('release');
export const rename = defineUpdate<string, [{ name: string }]>('rename');

/** Greets near and far, carries a memo, takes an update, and waits to be released: everything that crosses the codec once. */
export async function greeting(input: { name: string }): Promise<string> {
  let { name } = input;
  let word: string | undefined;
  setHandler(release, (signal) => {
    word = signal.word;
  });
  setHandler(
    rename,
    (update) => {
      name = update.name;
      return `now ${name}`;
    },
    {
      validator: (update) => {
        if (update.name === '') throw ApplicationFailure.nonRetryable('a name must not be empty', 'invalid');
      },
    },
  );
  upsertMemo({ note: `memo of ${name}` });
  await near.greet({ name }).catch(() => undefined);
  const greeted = await far.greet({ name });
  await condition(() => word !== undefined);
  return `${greeted}, ${name}, ${word}`;
}

/** Ends with the failure of its step. */
export async function refusal(input: { reason: string }): Promise<void> {
  await near.refuse(input).catch(() => undefined);
  await far.refuse(input);
}

/** As many near steps as an order has; for measuring. */
export async function steps(input: { name: string; count: number }): Promise<number> {
  for (let i = 0; i < input.count; i++) await near.greet({ name: `${input.name} ${i}` });
  return input.count;
}

/** Stumbles over a bug in workflow code: Temporal retries the task, and keeps the error. */
export async function stumble(input: { over: string }): Promise<void> {
  throw new TypeError(`cannot read ${input.over}`);
}
