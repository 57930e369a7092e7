import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { childrenOf, isAlive, waitForExit } from '@waybill/embedded/processes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const launcher = fileURLToPath(new URL('./bin/waybill.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'waybill-launcher-'));
/** Stands for the machine's Node: the same program at another place, so that the launcher hands over. */
const otherNode = join(folder, 'node');
const env = { ...process.env, WAYBILL_ROOT: join(folder, 'root') };

beforeAll(() => {
  try {
    linkSync(process.execPath, otherNode);
  } catch {
    copyFileSync(process.execPath, otherNode); // another disk
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the launcher', () => {
  test('runs the command in place under the pinned Node, and hands over under any other', () => {
    for (const node of [process.execPath, otherNode]) {
      const done = spawnSync(node, [launcher, 'config', 'printroot'], { env, encoding: 'utf8' });
      expect(done).toMatchObject({ status: 0, stdout: `${join(folder, 'root')}\n`, stderr: '' });
    }
  });

  test('passes the exit code on', () => {
    expect(spawnSync(otherNode, [launcher, 'config', 'printvalue', 'NOPE'], { env }).status).toBe(2);
    expect(spawnSync(otherNode, [launcher, 'config', 'printvalue', 'ADMIN_API_KEY'], { env }).status).toBe(4);
  });

  test('passes signals on, and takes the command with it when it is killed', async () => {
    mkdirSync(join(folder, 'root', 'logs'), { recursive: true });
    writeFileSync(join(folder, 'root', 'logs', 'server.log'), 'first line\n');
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const child = spawn(otherNode, [launcher, 'local', 'logs', 'server', '-f'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data'); // it follows now
      const [command] = childrenOf(child.pid ?? 0);
      expect(isAlive(command ?? 0)).toBe(true);
      child.kill(signal);
      void text(child.stdout);
      const [code] = await once(child, 'exit');
      expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
      expect(await waitForExit(command ?? 0, 20_000)).toBe(true);
    }
  });

  test('a reader that has seen enough is no failure', () => {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; "${process.execPath}" "${launcher}" config list | head -n 1 >/dev/null`],
      {
        env,
        encoding: 'utf8',
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
