import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Takes the files out of a folder of ours that are no longer rendered. `rendered` has their paths. */
export function removeOthers(folder: string, rendered: ReadonlyMap<string, string>): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !rendered.has(path)) rmSync(path);
  }
}
