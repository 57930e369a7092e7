import type { Tools } from '../external/tools.ts';

/**
 * Puts an object, or a List of them, into the cluster as the field manager of all that we change there. By the server: the client
 * would repeat every value in an annotation. With `force` also what somebody else has changed meanwhile becomes as it is here.
 */
export async function applyObject(tools: Tools, object: object, { force = false } = {}): Promise<void> {
  const args = ['apply', '--server-side', ...(force ? ['--force-conflicts'] : []), '--field-manager=waybill', '-f', '-'];
  await tools.change('kubectl', args, { input: JSON.stringify(object) });
}

export const listOf = (items: readonly object[]): object => ({ apiVersion: 'v1', kind: 'List', items });
