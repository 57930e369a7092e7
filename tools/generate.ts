// Writes every generated file. With --check, writes nothing and fails when one is out of date.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliReference } from '../apps/cli/reference.ts';
import { chartReadme, chartSchema } from './charts.ts';
import { apiDocument } from './openapi/document.ts';
import { typesOf } from './openapi/types.ts';
import { configurationPage, permissionsPage } from './reference.ts';

const document = await apiDocument();
const files: Record<string, string> = {
  'packages/client/openapi.json': `${JSON.stringify(document, null, 1)}\n`,
  'packages/client/schema.ts': await typesOf(document),
  'docs/configuration.md': configurationPage(),
  'docs/cli.md': cliReference(),
  'deploy/charts/monitoring/README.md': await chartReadme('monitoring'),
  'deploy/charts/platform/README.md': await chartReadme('platform'),
  'deploy/charts/waybill/README.md': await chartReadme('waybill'),
  'deploy/charts/waybill/values.schema.json': await chartSchema('deploy/charts/waybill/values.schema.json'),
  'docs/permissions.md': permissionsPage(document as Parameters<typeof permissionsPage>[0]), // made by apiDocument
};

const check = process.argv.includes('--check');
const stale: string[] = [];
for (const [name, content] of Object.entries(files)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if ((await readFile(path, 'utf8').catch(() => undefined)) === content) continue;
  stale.push(name);
  if (check) continue;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  console.log(`wrote ${name}`);
}
if (check && stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}\n  how to fix: run "npm run gen" and commit what it wrote`);
  process.exit(1);
}
console.log(check ? 'generated files are up to date' : `${Object.keys(files).length} generated files, ${stale.length} written`);
