import type { workflowBundle as bundling } from '@waybill/kernel/workflow-bundle';

/** Takes the place of the kernel's module in dist, where the path of the workflow source became that of its bundle. */
export const workflowBundle: typeof bundling = async ({ entry }) => ({ codePath: entry });
