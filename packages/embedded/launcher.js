// Plain JavaScript and no dependency: it runs under whatever Node the machine has (18 or later), before "npm ci" too.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../node_modules/.cache/waybill/node', import.meta.url));

/** Runs the program whose file is `main` (a URL; it exports `run`) under the pinned Node, which runs TypeScript as it is. */
export async function launch(name, main) {
  const pinned = pinnedNode();
  if (pinned !== undefined && realpathSync(pinned) !== realpathSync(process.execPath)) return handOver(name, pinned, fileURLToPath(main));
  if (Number(process.versions.node.split('.')[0]) < 24) {
    process.stderr.write(`${name}: Node 24 is needed and this is ${process.version}\n  how to fix: run "npm ci", which installs it here\n`);
    process.exit(2);
  }
  module.enableCompileCache?.(cache); // half of a short command's time is reading TypeScript
  const { run } = await import(main.href);
  await run();
}

function pinnedNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // not installed: a production image brings its own Node
  }
}

function handOver(name, node, main) {
  // The IPC channel carries nothing: it closes when this process dies, also by SIGKILL, so that the real one never runs on unseen.
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: cache, ...env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${name}: ${node} cannot be run: ${error.message}\n  how to fix: run "npm ci" again\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
  process.on('disconnect', () => child.kill('SIGTERM')); // and when whoever started this one with a channel goes, it goes too
}
