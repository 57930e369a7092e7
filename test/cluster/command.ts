import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const launcher = fileURLToPath(new URL('../../apps/cli/bin/waybill.js', import.meta.url));

export type Ran = { code: number; out: string; err: string };

/**
 * Runs a program to its end, and says how long that took. With CLUSTER_LOG every line goes to that file as it comes, with the
 * seconds since the command began: where it waits can be read there.
 */
export function run(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; title?: string; input?: string } = {},
): Promise<Ran> {
  const { env = process.env, title, input = '' } = options;
  const started = Date.now();
  const seconds = () => ((Date.now() - started) / 1_000).toFixed(1).padStart(6);
  const log = (line: string) => process.env['CLUSTER_LOG'] && appendFileSync(process.env['CLUSTER_LOG'], `${line}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'pipe' });
    child.stdin.on('error', () => {}); // it need not read
    child.stdin.end(input);
    if (title) log(`\n$ ${title}`);
    const said = { out: '', err: '' };
    const listen = (stream: NodeJS.ReadableStream, to: keyof typeof said) => {
      let rest = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said[to] += chunk;
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        if (title) for (const line of lines) log(`${seconds()} ${line}`);
      });
    };
    listen(child.stdout, 'out');
    listen(child.stderr, 'err');
    child.once('error', reject);
    child.once('close', (code) => {
      if (title) {
        log(`${seconds()} ended with ${code}`);
        console.log(`${seconds()} s  ${title}${code === 0 ? '' : `, ended with ${code}`}`);
      }
      resolve({ code: code ?? 1, ...said });
    });
  });
}
