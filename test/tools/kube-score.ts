import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The path of kube-score, from PATH or ~/go/bin. Throws how to get it. */
export async function findKubeScore(): Promise<string> {
  for (const path of ['kube-score', join(homedir(), 'go', 'bin', 'kube-score')]) {
    const found = await run(path, ['version']).catch(() => undefined); // not there
    if (found) return path;
  }
  throw new Error('kube-score is not in PATH or ~/go/bin: run "go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0"');
}
