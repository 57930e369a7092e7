import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFakeTool } from './k8s/testing.ts';
import { introduce, promote, retire, rotatingSecret, valuesIn } from './secret-rotation.ts';
import { createTestRoot } from './testing.ts';

describe('the three steps of a rotation', () => {
  test('the key ring: last and for reading only, then first, then alone', () => {
    const kind = rotatingSecret('ENCRYPTION_KEYS');
    const introduced = introduce('k1:aaa', kind);
    expect(introduced).toMatch(/^k1:aaa,k[0-9a-f]{8}:[A-Za-z0-9+/=]{44}$/);
    const promoted = promote(introduced, kind);
    expect(promoted).toMatch(/^k[0-9a-f]{8}:[^,]+,k1:aaa$/);
    expect(valuesIn(promoted, kind)).toBe(2);
    expect(retire(promoted, kind)).toBe(promoted.split(',')[0]);
  });

  test('older keys of the ring keep their order behind the new one', () => {
    const kind = rotatingSecret('ENCRYPTION_KEYS');
    expect(promote('k2:b,k1:a,k3:c', kind)).toBe('k3:c,k2:b,k1:a');
  });

  test('a database password: both, a line each', () => {
    const kind = rotatingSecret('ORDERS_DATABASE_PASSWORD');
    const introduced = introduce('old', kind);
    expect(introduced).toMatch(/^old\n[\w-]{32}$/);
    expect(retire(promote(introduced, kind), kind)).toBe(introduced.split('\n')[1]);
  });

  test('what cannot be rotated is refused by name', () => {
    expect(() => rotatingSecret('POSTGRES_PASSWORD')).toThrow('POSTGRES_PASSWORD cannot be rotated by this command');
  });
});

describe('secrets', () => {
  test('generate makes everything once, for this user alone, and prints no value', async () => {
    using root = createTestRoot();
    const first = await root.run(['-I', 'secrets', 'generate']);
    expect(first.code).toBe(0);
    const path = join(root.root, 'secrets.yml');
    const before = readFileSync(path, 'utf8');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(before).toContain('POSTGRES_PASSWORD: ');
    for (const line of before.split('\n').filter((text) => /^[A-Z]/.test(text))) expect(first.out).not.toContain(line.split(': ')[1]);
    expect((await root.run(['-I', 'secrets', 'generate'])).out).toContain('every secret was there already');
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  test('staging has secrets of its own and shares those of the infrastructure', async () => {
    using root = createTestRoot();
    await root.run(['-I', 'secrets', 'generate', '-e', 'staging']);
    const staging = readFileSync(join(root.root, 'secrets-staging.yml'), 'utf8');
    const shared = readFileSync(join(root.root, 'secrets.yml'), 'utf8');
    expect(staging).toContain('ENCRYPTION_KEYS: ');
    expect(staging).not.toContain('POSTGRES_PASSWORD');
    const key = (text: string) => /ENCRYPTION_KEYS: (.+)/.exec(text)?.[1];
    expect(key(staging)).not.toBe(key(shared));
  });

  test('list prints names only', async () => {
    using root = createTestRoot();
    await root.run(['-I', 'secrets', 'generate']);
    const { out } = await root.run(['secrets', 'list']);
    expect(out.split('\n').map((line) => line.trim())).toContain('ORDERS_DATABASE_PASSWORD');
    expect(out).not.toMatch(/wbk_/);
  });

  test('rotate puts both values into the cluster before the new one comes first, and never into arguments', async () => {
    using root = createTestRoot();
    await root.run(['-I', 'secrets', 'generate']);
    const kubectl = createFakeTool(root.folder, 'kubectl', [{ when: ['apply'] }, { when: ['annotate'] }]);
    const old = /ENCRYPTION_KEYS: (.+)/.exec(readFileSync(join(root.root, 'secrets.yml'), 'utf8'))?.[1] ?? '';
    const ran = await root.run(['-I', 'secrets', 'rotate', 'ENCRYPTION_KEYS', '--settle', '0'], { env: { KUBECTL: kubectl.path } });
    expect(ran.code).toBe(0);
    const applied = kubectl
      .calls()
      .filter(({ args }) => args.includes('apply'))
      .map(({ input }) => JSON.parse(input).items[0].stringData.ENCRYPTION_KEYS as string);
    expect(applied).toHaveLength(2);
    expect(applied[0]?.startsWith(`${old},`)).toBe(true);
    expect(applied[1]?.endsWith(`,${old}`)).toBe(true);
    const secret = old.split(':')[1] ?? '';
    expect(kubectl.calls().some(({ args }) => args.join(' ').includes(secret))).toBe(false);
    expect(ran.out + ran.err).not.toContain(secret);
    expect((await root.run(['secrets', 'list'])).out).toMatch(/ENCRYPTION_KEYS\s+2 values\s+promoted/);
  });

  test('a rotation that was interrupted goes on with the value it has introduced', async () => {
    using root = createTestRoot();
    await root.run(['-I', 'secrets', 'generate']);
    const broken = createFakeTool(root.folder, 'broken', [{ when: ['apply'], code: 1, err: 'connection refused' }]);
    const failed = await root.run(['-I', 'secrets', 'rotate', 'ENCRYPTION_KEYS', '--settle', '0'], { env: { KUBECTL: broken.path } });
    expect(failed.code).toBe(6);
    expect(failed.err).toContain('the cluster cannot be reached');
    const kubectl = createFakeTool(root.folder, 'kubectl', [{ when: ['apply'] }, { when: ['annotate'] }]);
    const ran = await root.run(['-I', 'secrets', 'rotate', 'ENCRYPTION_KEYS', '--settle', '0'], { env: { KUBECTL: kubectl.path } });
    expect(ran.code).toBe(0);
    const ring = /ENCRYPTION_KEYS: (.+)/.exec(readFileSync(join(root.root, 'secrets.yml'), 'utf8'))?.[1] ?? '';
    expect(ring.split(',')).toHaveLength(2);
  });
});
