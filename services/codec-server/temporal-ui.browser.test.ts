import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@waybill/embedded/ports';
import { type EmbeddedTemporal, findTemporal, startTemporal } from '@waybill/embedded/temporal';
import { loadSettings } from '@waybill/kernel/config';
import { generateKey, openKeyRing } from '@waybill/kernel/encryption';
import { silentLogger } from '@waybill/kernel/log';
import { createMetrics } from '@waybill/kernel/metrics';
import { createTemporal, temporalSettings } from '@waybill/kernel/temporal-client';
import type { FastifyInstance } from 'fastify';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codecServerSettings, createCodecServer } from './service.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const adminKey = 'browser-test-key';

let folder: string;
let binary: string;
let server: EmbeddedTemporal;
let codec: FastifyInstance;
let codecUrl: string;
let browser: BrowserContext;

beforeAll(async () => {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing: install chromium, or set CHROMIUM to its path`);
  folder = await mkdtemp(join(tmpdir(), 'waybill-temporal-ui-'));
  const [port, uiPort, codecPort] = [await freePort(), await freePort(), await freePort()];
  codecUrl = `http://localhost:${codecPort}`;
  const keys = generateKey();
  const environment = {
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
    ENCRYPTION_KEYS: keys.reveal(),
    ADMIN_API_KEY: adminKey,
    SERVICE_TOKEN_KEYS: generateKey('s1').reveal(),
    CODEC_URL: codecUrl,
    CODEC_ORIGINS: `http://localhost:${uiPort}`,
  };
  binary = await findTemporal({ cacheDir: join(folder, 'bin') });
  server = await startTemporal({
    binary,
    port,
    uiPort,
    codecEndpoint: codecUrl,
    logFile: join(folder, 'temporal.log'),
  });
  codec = await createCodecServer({
    settings: loadSettings(codecServerSettings, { environment }),
    log: silentLogger,
    meter: createMetrics().meter,
  });
  await codec.listen({ host: '127.0.0.1', port: codecPort });
  const temporal = createTemporal({ settings: loadSettings(temporalSettings, { environment }), ring: openKeyRing({ keys }) });
  await temporal.client.workflow.start('order', {
    taskQueue: 'nobody',
    workflowId: 'order/1',
    args: [{ customer: 'Ann Example', lines: [{ sku: 'MUG-BLUE', quantity: 2 }] }],
  });
  await temporal.close();
  browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 1400 },
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
});

afterAll(async () => {
  await browser?.close();
  await codec?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const openWorkflow = async (page: Page) => {
  await page.goto(`${server.uiUrl}/namespaces/default/workflows/order%2F1`);
  await page.getByTestId('workflow-id-heading').waitFor();
};

const decodeAnswer = (page: Page) =>
  page.waitForResponse((response) => response.url() === `${codecUrl}/decode` && response.request().method() === 'POST');

test('the Temporal UI shows no plain text before the login, and the input of a workflow after it, until the logout', async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);

  const before = decodeAnswer(page);
  await openWorkflow(page);
  expect((await before).status()).toBe(401);
  await page.getByTestId('data-encoder-status-error').waitFor();
  await page.getByText('binary/encrypted').or(page.getByText('YmluYXJ5L2VuY3J5cHRlZA==')).first().waitFor();
  expect(await page.content()).not.toContain('Ann Example');

  const login = await browser.newPage();
  const complaints: string[] = [];
  login.on('pageerror', (error) => complaints.push(String(error)));
  login.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
  });
  await login.goto(codecUrl);
  await login.getByLabel('API key').fill('not the key');
  await login.getByRole('button', { name: 'Sign in' }).click();
  await login.getByRole('alert').waitFor();
  await login.getByLabel('API key').fill(adminKey);
  await login.getByRole('button', { name: 'Sign in' }).click();
  await login.getByRole('heading', { name: 'You are signed in' }).waitFor();
  expect(await login.evaluate('document.cookie')).not.toContain('waybill_codec');
  expect(await browser.cookies(codecUrl)).toContainEqual(
    expect.objectContaining({ name: 'waybill_codec', httpOnly: true, sameSite: 'Strict' }),
  );

  // Exactly the steps that the page lists.
  await page.getByTestId('data-encoder-status-error').click();
  await page.getByTestId('override-accordion').getByRole('button').first().click();
  await page.getByText('Use my browser setting and ignore Cluster-level setting').last().click();
  await page.getByTestId('data-encoder-endpoint-input').fill(codecUrl);
  await page.getByTestId('override-accordion').getByRole('button').first().click();
  await page.getByText('Include cross-origin credentials', { exact: true }).click();
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('button', { name: 'Apply' }).waitFor({ state: 'hidden' });
  const after = decodeAnswer(page);
  await openWorkflow(page);
  expect((await after).status()).toBe(200);
  await page.getByText('Ann Example').first().waitFor();
  await page.getByTestId('data-encoder-status-success').waitFor();

  await login.getByRole('button', { name: 'Sign out' }).click();
  await login.getByRole('heading', { name: 'Sign in to read payloads' }).waitFor();
  const afterwards = decodeAnswer(page);
  await openWorkflow(page);
  expect((await afterwards).status()).toBe(401);
  expect(complaints).toEqual([]);
});

test('the login page is usable on a telephone, with the keyboard, and in the dark', async () => {
  await browser.clearCookies();
  const page = await browser.newPage();
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(`${codecUrl}/login`);
  expect(await page.evaluate('document.documentElement.scrollWidth <= 320')).toBe(true);
  expect(await page.evaluate('document.activeElement.id')).toBe('key');
  await page.keyboard.type(adminKey);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth <= 320')).toBe(true);
});

test('the temporal command shows plain text when it is given the key, and only then', async () => {
  const show = async (...more: string[]) => {
    const args = ['workflow', 'show', '--address', server.address, '--workflow-id', 'order/1', '--output', 'json', '--disable-config-file'];
    const { stdout } = await promisify(execFile)(binary, [...args, ...more]);
    return stdout;
  };
  const plain = Buffer.from('{"customer":"Ann Example').toString('base64'); // JSON shows a payload's bytes as base64
  expect(await show()).not.toContain(plain);
  await expect(show('--codec-endpoint', codecUrl, '--command-timeout', '2s')).rejects.toThrow('Command failed');
  expect(await show('--codec-endpoint', codecUrl, '--codec-auth', `Bearer ${adminKey}`)).toContain(plain);
});
