import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publicPaths } from '@waybill/gateway/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from './main.ts';
import { allRoles } from './roles.ts';
import { type Installation, openInstallation } from './testing.ts';

const launcher = fileURLToPath(new URL('./bin/waybill-server.js', import.meta.url));

let installation: Installation;
beforeAll(() => {
  installation = openInstallation({ LOG_LEVEL: 'info' });
});
afterAll(() => installation[Symbol.asyncDispose]());

type Run = { child: ChildProcess; output: () => string; ended: Promise<number | null> };

function run(args: string[], options: { ipc?: boolean } = {}): Run {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...installation.environment },
    stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

const listening = (started: Run) => expect.poll(started.output, { timeout: 40_000 }).toContain('"msg":"listening"');

test('a process that gets SIGTERM stops in order and ends with 0', async () => {
  await installation.migrate();
  const started = run(['run', 'all']);
  await listening(started);
  started.child.kill('SIGTERM');
  expect(await started.ended).toBe(0);
  expect(started.output()).toContain('"msg":"stopped"');
  expect(started.output()).not.toContain('"level":"error"');
});

test('a process whose parent goes away stops too', async () => {
  const started = run(['run', 'catalog-api'], { ipc: true });
  await listening(started);
  started.child.disconnect();
  expect(await started.ended).toBe(0);
});

test('mistakes are sentences, on standard error, with an exit code', async () => {
  const role = run(['run', 'order-api']);
  expect(await role.ended).toBe(2);
  expect(role.output()).toBe(`waybill-server: order-api is not a role; did you mean orders-api?\nroles are: all, ${allRoles.join(', ')}\n`);
  await expect(main(['run', 'all', '--set', 'PROT=3000'])).rejects.toThrow('PROT in flags is not a setting; did you mean PORT?');
  await expect(main(['run', 'all', '--set', 'ADMIN_API_KEY=x'])).rejects.toThrow('ADMIN_API_KEY is a secret, so it is never a flag');
  await expect(main(['run', 'all', '--set', 'PORT'])).rejects.toThrow('--set takes KEY=VALUE, not PORT');
  await expect(main(['run', 'all', '--config', '/nowhere.yml'])).rejects.toThrow('/nowhere.yml cannot be read');
  await expect(main(['run'])).rejects.toThrow('name the roles to run');
  await expect(main(['walk'])).rejects.toThrow('walk is not a command');
  await expect(main(['run', 'all', '--fast'])).rejects.toThrow("Unknown option '--fast'");
});

test('every public path belongs to exactly one service of the gateway, and each of its paths exists', () => {
  const document = JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('@waybill/client/openapi.json')), 'utf8')) as {
    paths: object;
  };
  const prefixes = Object.values(publicPaths).flat();
  const below = (path: string, prefix: string) => path === prefix || path.startsWith(`${prefix}/`);
  for (const path of Object.keys(document.paths))
    expect(
      prefixes.filter((prefix) => below(path, prefix)),
      path,
    ).toHaveLength(1);
  for (const prefix of prefixes)
    expect(
      Object.keys(document.paths).some((path) => below(path, prefix)),
      prefix,
    ).toBe(true);
});
