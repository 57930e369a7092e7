import { env, stdin, stdout } from 'node:process';
import { text } from 'node:stream/consumers';

/** Everything a command may know of the world around it, so that tests can run it in process. */
export type Io = {
  /** One line (or several) to standard output: what was asked for. */
  out(line: string): void;
  /** One line to standard error: commands that are run, errors. */
  err(line: string): void;
  env: Record<string, string | undefined>;
  cwd: string;
  /** A person sits at a terminal: prompts and redrawn lines make sense. */
  tty: boolean;
  readInput(): Promise<string>;
  /** Calls back on Ctrl-C or a request to end. Returns how to stop listening. */
  onStop(handler: (why: StopReason) => void): () => void;
};

export type StopReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'launcher gone';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The real terminal and environment. */
export function processIo(): Io {
  // A reader that has seen enough (`waybill … | head`) is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    env,
    cwd: process.cwd(),
    tty: stdin.isTTY === true && stdout.isTTY === true,
    readInput: () => text(stdin),
    onStop,
  };
}

function onStop(handler: (why: StopReason) => void): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    for (const known of signals) if (known === signal) handler(known);
  };
  const onDisconnect = () => handler('launcher gone');
  for (const signal of signals) process.on(signal, onSignal);
  process.on('disconnect', onDisconnect);
  process.channel?.unref(); // the channel to the launcher must not keep a finished command alive
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off('disconnect', onDisconnect);
  };
}
