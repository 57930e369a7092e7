import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '@waybill/embedded/ports';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Store } from './s3-store.ts';
import { checkStore } from './testing/store.ts';

/** A server of S3's protocol that keeps its objects in a folder. */
function findServer(): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  const found = folders.map((one) => join(one, 'versitygw')).find((path) => spawnSync(path, ['--version']).status === 0);
  if (found) return found;
  throw new Error('versitygw is missing: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0');
}

const data = mkdtempSync(join(tmpdir(), 'waybill-s3-'));
let server: ChildProcess | undefined;
let environment: Record<string, string>;

beforeAll(async () => {
  const port = await freePort();
  mkdirSync(join(data, 'shop'));
  server = spawn(findServer(), ['--access', 'someone', '--secret', 'very-secret', '--port', `127.0.0.1:${port}`, 'posix', data], {
    stdio: 'ignore',
  });
  environment = {
    AWS_ACCESS_KEY_ID: 'someone',
    AWS_SECRET_ACCESS_KEY: 'very-secret',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
  };
  const answers = () => fetch(`http://127.0.0.1:${port}/`).then(Boolean, () => false);
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 100));
});
afterAll(() => {
  server?.kill();
  rmSync(data, { recursive: true, force: true });
});

test('an S3 server keeps backups', () => checkStore(s3Store('s3://shop/some/where', environment)), 120_000);

test('an S3 server that refuses says why', async () => {
  const wrong = s3Store('s3://shop', { ...environment, AWS_SECRET_ACCESS_KEY: 'wrong' });
  await expect(wrong.versions()).rejects.toThrow(/SignatureDoesNotMatch/);
  await expect(s3Store('s3://nowhere', environment).versions()).rejects.toThrow('there is no bucket nowhere');
  expect(() => s3Store('s3://shop', {})).toThrow('AWS_ACCESS_KEY_ID');
});
