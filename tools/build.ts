// Bundles workflow code ahead of the first start, where `waybill-server run` looks for it.
import { fileURLToPath } from 'node:url';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import { defaultCacheDir } from '@waybill/server/workers';

const entry = fileURLToPath(new URL('../services/orders/workflows/index.ts', import.meta.url));
const { codePath } = await workflowBundle({ entry, cacheDir: defaultCacheDir });
console.log(`workflow code: ${codePath}`);
