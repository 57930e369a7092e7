import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

// Below the range from which systems take the ports of outgoing connections: a port found free there can be gone by the time
// a server listens on it.
const lowest = 15_000;
const highest = 31_999;
const given = new Set<number>();

/** True when nothing listens on the port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Like isPortFree, but gives a server that was ended a moment ago the time to let go. */
export async function becomesFree(port: number, timeoutMs = 3_000): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isPortFree(port))) {
    if (Date.now() > deadline) return false;
    await delay(50);
  }
  return true;
}

/** A port on which nothing listens now and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = randomInt(lowest, highest + 1);
    if (given.has(port) || !(await isPortFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port was found between ${lowest} and ${highest}`);
}
