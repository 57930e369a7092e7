import type { Io } from './io.ts';

/** One step of a longer piece of work. `tell` says what it is doing right now. */
export type Step = { title: string; run(tell: (line: string) => void): Promise<string> };

/**
 * Runs steps in order: redrawn with spinners on a terminal, one plain line each elsewhere. What `run` returns is shown
 * behind the title.
 */
export async function runSteps(steps: readonly Step[], io: Io): Promise<void> {
  if (io.tty) {
    await runWithSpinners(steps);
  } else {
    for (const step of steps) await runPlainly(step, io);
  }
}

async function runPlainly(step: Step, io: Io): Promise<void> {
  const started = Date.now();
  const result = await step.run((line) => io.out(`  ${line}`));
  io.out(`✔ ${step.title}: ${result} (${((Date.now() - started) / 1_000).toFixed(1)} s)`);
}

async function runWithSpinners(steps: readonly Step[]): Promise<void> {
  const { Listr, PRESET_TIMER } = await import('listr2'); // loaded only where it is seen: it is a good part of the command's start-up
  const tasks = steps.map(({ title, run }) => ({
    title,
    task: async (_: unknown, task: { title: string; output: string }) => {
      const result = await run((line) => {
        task.output = line;
      });
      task.title = `${title}: ${result}`;
    },
    rendererOptions: { persistentOutput: true, outputBar: Number.POSITIVE_INFINITY }, // the commands that ran stay to be read
  }));
  await new Listr(tasks, {
    rendererOptions: { timer: { ...PRESET_TIMER, condition: (ms: number) => ms > 500 } },
    registerSignalListeners: false,
  }).run();
}
