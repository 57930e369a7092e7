import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io, StopReason } from './io.ts';
import { main } from './main.ts';

export type Ran = { code: number; out: string; err: string };

export type RunOptions = { env?: Record<string, string>; input?: string; onLine?: (line: string, stop: () => void) => void };

/** A root folder of a test's own, and the command run in it, in this process. Text that differs by machine is replaced. */
export function createTestRoot(env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  chmodSync(folder, 0o755); // as root, PostgreSQL runs as another user and must pass through
  const root = join(folder, 'root');
  const clean = (lines: readonly string[]) => lines.join('\n').replaceAll(root, '$ROOT').replaceAll(folder, '$FOLDER');
  return {
    root,
    folder,
    /** `onLine` sees each line of output and may stop the command as Ctrl-C would. */
    async run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
      const handlers = new Set<(why: StopReason) => void>();
      const stop = () => {
        for (const handler of handlers) handler('SIGINT');
      };
      const out: string[] = [];
      const err: string[] = [];
      const io: Io = {
        out(line) {
          out.push(line);
          options.onLine?.(line, stop);
        },
        err: (line) => err.push(line),
        env: { WAYBILL_ROOT: root, HOME: folder, ...env, ...options.env },
        cwd: folder,
        tty: false,
        readInput: async () => options.input ?? '',
        onStop(handler) {
          handlers.add(handler);
          return () => handlers.delete(handler);
        },
      };
      const code = await main(argv, io);
      return { code, out: clean(out), err: clean(err) };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
