import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';
import { repository } from './sources.ts';

const kernel = createRequire(join(repository, 'packages/kernel/package.json'));
const worker = createRequire(kernel.resolve('@temporalio/worker'));
const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A file of the Temporal SDK or of what it brings along. */
export const sdkFile = (name: string): string => worker.resolve(name);

/** The SDK starts this file in a thread and looks for it beside its own code, under this name. */
export const workflowThread = {
  name: 'workflow-worker-thread',
  path: sdkFile('@temporalio/worker/lib/workflow/workflow-worker-thread.js'),
};

/** Leaves out what only bundles workflow code, which is the larger part of the SDK. */
export function productionSdk(): Plugin {
  const replaced = new Map([
    [sdkFile('@temporalio/worker/lib/workflow/bundler.js'), beside('./workflow-bundler-stub.cjs')],
    [join(repository, 'packages/kernel/workflow-bundle.ts'), beside('./prebuilt-workflows.ts')],
  ]);
  return {
    name: 'production-sdk',
    async resolveId(source, importer, options) {
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      const other = found && replaced.get(found.id);
      return other ? { id: other } : found;
    },
  };
}
