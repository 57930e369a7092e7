import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@waybill/embedded/ports';
import { below, type Figure } from './figures.ts';

const command = new URL('../apps/cli/bin/waybill.js', import.meta.url).pathname;

/** Seconds from the command to the line that says it is ready; then it is stopped as Ctrl-C stops it. */
async function start(environment: Record<string, string>): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [command, 'local', 'quickstart'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const ready = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/Ctrl-C/.test(output)) resolve((performance.now() - began) / 1_000);
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${output.slice(-2_000)}`)));
  });
  child.removeAllListeners('exit');
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await exited;
  return ready;
}

/** `npm start` on a machine where it ran before. */
export async function benchStart(): Promise<Figure[]> {
  const root = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
  await chmod(root, 0o755); // run as root, PostgreSQL is another user's
  try {
    const names = ['PORT', 'CODEC_PORT', 'LOCAL_POSTGRES_PORT', 'LOCAL_TEMPORAL_PORT', 'LOCAL_TEMPORAL_UI_PORT'];
    const environment: Record<string, string> = { WAYBILL_ROOT: root };
    for (const name of names) environment[name] = String(await freePort());
    const first = await start(environment);
    const warm = await start(environment);
    return [below('first start, with order #1 driven to its end', first, 's', 60), below('warm start until ready', warm, 's', 10)];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
