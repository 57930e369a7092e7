import { cp, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workflowBundle } from './workflow-bundle.ts';

let folder: string;
let entry: string;
let cacheDir: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-bundle-'));
  await symlink(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules')); // workflow code imports the SDK
  entry = join(folder, 'workflows.ts');
  cacheDir = join(folder, 'cache');
  await cp(join(import.meta.dirname, 'testing/example-workflows.ts'), join(folder, 'example.ts'));
  await writeFile(entry, `export * from './example.ts';\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('code is bundled once and again when a source changes, an imported one too', async () => {
  const [first, same] = await Promise.all([workflowBundle({ entry, cacheDir }), workflowBundle({ entry, cacheDir })]);
  expect(same).toEqual(first);
  const code = await readFile(first.codePath, 'utf8');
  expect(code).toContain('greeting');
  const madeAt = (await stat(first.codePath)).mtimeMs;
  expect(await workflowBundle({ entry, cacheDir })).toEqual(first);
  expect((await stat(first.codePath)).mtimeMs).toBe(madeAt);

  const example = join(folder, 'example.ts');
  await writeFile(example, (await readFile(example, 'utf8')).replaceAll('memo of', 'another memo of'));
  const second = await workflowBundle({ entry, cacheDir });
  expect(second.codePath).not.toBe(first.codePath);
  expect(await readFile(second.codePath, 'utf8')).toContain('another memo of');
});

test('a bundle that was damaged is made again', async () => {
  const { codePath } = await workflowBundle({ entry, cacheDir });
  const code = await readFile(codePath, 'utf8');
  await writeFile(codePath, code.slice(0, 1_000));
  expect(await workflowBundle({ entry, cacheDir })).toEqual({ codePath });
  expect(await readFile(codePath, 'utf8')).toBe(code);
});

test('code that cannot be bundled says why and leaves nothing behind', async () => {
  const broken = join(folder, 'broken.ts');
  await writeFile(broken, `import { missing } from './not-there.ts';\nexport const x = missing;\n`);
  const before = await readdir(cacheDir);
  await expect(workflowBundle({ entry: broken, cacheDir })).rejects.toThrow(/broken\.ts cannot be bundled:[\s\S]*not-there/);
  expect(await readdir(cacheDir)).toEqual(before);
});
