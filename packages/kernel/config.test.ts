import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSettings, SettingsError, setting } from './config.ts';

const schema = {
  PORT: setting.port({ description: 'Port.', default: '3000' }),
  STOCK_LEASE: setting.duration({ description: 'Lease.', default: '15m' }),
  ADMIN_API_KEY: setting.secret({ description: 'The key of the administrator.' }),
  KAFKA_BROKERS: setting.optional(setting.list({ description: 'Brokers.' })),
  CARRIER: setting.choice({ description: 'Carrier.', of: ['manual', 'simulated'], default: 'manual' }),
};
const key = { ADMIN_API_KEY: 'wbk_1' };

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

test('flags win over the environment, the environment over the file, and the file over defaults', () => {
  const file = { path: 'config.yml', values: { PORT: 1, STOCK_LEASE: '1s', CARRIER: 'simulated' } };
  const settings = loadSettings(schema, { file, environment: { ...key, PORT: '2', STOCK_LEASE: '2s' }, flags: { PORT: '3' } });
  expect(settings).toMatchObject({ PORT: 3, STOCK_LEASE: 2_000, CARRIER: 'simulated' });
  expect(settings.KAFKA_BROKERS).toBeUndefined();
});

test('all problems are reported at once, each with the key, the value and what it should be', () => {
  const file = { path: 'config.yml', values: { STOK_LEASE: '1s' } };
  const problems = problemsOf(() => loadSettings(schema, { file, environment: { PORT: 'http', CARRIER: 'dhl' } }));
  expect(problems).toEqual([
    'STOK_LEASE in config.yml is not a setting; did you mean STOCK_LEASE?',
    'PORT must be a whole number from 0 to 65535, not "http" (from environment)',
    'ADMIN_API_KEY is missing: The key of the administrator.',
    'CARRIER must be one of manual, simulated, not "dhl" (from environment)',
  ]);
});

test('a secret is never a flag, may come from a file, and prints as nothing but [secret]', () => {
  expect(problemsOf(() => loadSettings(schema, { environment: key, flags: { ADMIN_API_KEY: 'wbk_2' } }))[0]).toContain('never a flag');
  const path = join(mkdtempSync(join(tmpdir(), 'waybill-')), 'key');
  writeFileSync(path, 'wbk_from_file\n');
  const settings = loadSettings(schema, { environment: { ADMIN_API_KEY_FILE: path } });
  expect(settings.ADMIN_API_KEY.reveal()).toBe('wbk_from_file');
  expect(`${settings.ADMIN_API_KEY} ${JSON.stringify(settings)}`).not.toContain('wbk_from_file');
});

test('a secret that is not valid is not printed with the problem', () => {
  const odd = { KEY: { ...setting.secret({ description: 'Key.' }), parse: () => ({ ok: false as const, expected: 'longer' }) } };
  expect(problemsOf(() => loadSettings(odd, { environment: { KEY: 'hunter2' } })).join()).not.toContain('hunter2');
});
