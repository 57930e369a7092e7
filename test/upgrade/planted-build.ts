import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';

const repository = join(import.meta.dirname, '../..');
const entry = join(repository, 'services/orders/workflows/index.ts');

/** Fills a WORKFLOW_CACHE_DIR in which a server finds the planted code in place of its own, and calls it bundled from its sources. */
export async function plantBuild(cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const { codePath: real } = await workflowBundle({ entry, cacheDir: join(repository, 'node_modules/.cache/waybill') });
  const { codePath: planted } = await workflowBundle({ entry: join(import.meta.dirname, 'planted-workflows.ts'), cacheDir });
  const name = basename(real).slice(0, basename(real).lastIndexOf('-'));
  const manifest = JSON.parse(await readFile(real.replace(basename(real), `${name}.json`), 'utf8')) as Record<string, unknown>;
  const code = await readFile(planted);
  const file = `${name}-${createHash('sha256').update(code).digest('hex').slice(0, 32)}.js`;
  await writeFile(join(cacheDir, file), code);
  await writeFile(join(cacheDir, `${name}.json`), JSON.stringify({ ...manifest, code: file }));
}
