#!/usr/bin/env node
// Runs under whatever Node the machine has (18 or later) and hands over to the pinned one, which runs TypeScript as it is.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const cache = fileURLToPath(new URL('../../../node_modules/.cache/waybill/node', import.meta.url));
const pinned = pinnedNode();

if (pinned === undefined || realpathSync(pinned) === realpathSync(process.execPath)) {
  if (Number(process.versions.node.split('.')[0]) < 24) {
    process.stderr.write(`waybill: Node 24 is needed and this is ${process.version}\n  how to fix: run "npm ci", which installs it here\n`);
    process.exit(2);
  }
  module.enableCompileCache?.(cache); // half of a short command's time is reading TypeScript
  const { run } = await import(pathToFileURL(main).href);
  await run();
} else {
  handOver(pinned);
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

function handOver(node) {
  // The IPC channel carries nothing: it closes when this process dies, also by SIGKILL, so that the real one never runs on unseen.
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: cache, ...env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`waybill: ${node} cannot be run: ${error.message}\n  how to fix: run "npm ci" again\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
