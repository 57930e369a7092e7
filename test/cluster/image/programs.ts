import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

/** What is built or fetched for images stays here: an hour of Go builds when cold, nothing afterwards. */
export const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'waybill-cluster-images');

/** Runs a program and returns what it printed. Throws its last words. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      said.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said.err = (said.err + chunk.toString()).slice(-4_000);
    });
    child.once('error', (cause) => reject(new Error(`${program} cannot be run, and an image needs it: install it`, { cause })));
    child.once('close', (code) =>
      code === 0 ? resolve(said.out) : reject(new Error(`${program} ${args.join(' ')} ended with ${code}:\n${said.err}`)),
    );
  });
}

const goEnvironment = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
const small = ['-trimpath', '-ldflags', '-s -w'];

/** The path of a program at a fixed version, built once. */
export async function goInstall(name: string, module: string): Promise<string> {
  return once(`${name}@${module.split('@')[1]}`, async (target) => {
    const draft = `${target}.${process.pid}`;
    await run('go', ['install', ...small, module], { env: { ...goEnvironment, GOBIN: draft } });
    const [built = ''] = await readdir(draft);
    await rename(join(draft, built), target);
    await rm(draft, { recursive: true });
  });
}

/** The same for a main module of ours, which may replace modules; `go install` refuses those. */
export async function goBuild(
  name: string,
  source: string,
  options: { package?: string; tags?: string; variables?: string } = {},
): Promise<string> {
  return once(name, async (target) => {
    const copy = join(cache, 'src', name);
    await cp(source, copy, { recursive: true });
    const tags = options.tags === undefined ? [] : ['-tags', options.tags];
    const flags = ['-trimpath', '-ldflags', ['-s -w', options.variables].filter(Boolean).join(' ')];
    await run('go', ['build', '-mod=mod', ...flags, ...tags, '-o', target, options.package ?? '.'], { cwd: copy, env: goEnvironment });
  });
}

async function once(name: string, make: (target: string) => Promise<void>): Promise<string> {
  const target = join(cache, 'bin', name);
  if (existsSync(target)) return target;
  await mkdir(join(cache, 'bin'), { recursive: true });
  console.log(`building ${name}, once`);
  await make(target);
  return target;
}

/** The folder of a Go module's files. */
export async function goModule(module: string): Promise<string> {
  const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', module])) as { Dir: string }; // go's own format
  return Dir;
}

/** The files of Debian packages, unpacked and not installed. */
export async function debian(name: string, packages: readonly string[]): Promise<string> {
  const target = join(cache, 'debian', name);
  if (existsSync(target)) return target;
  const draft = `${target}.${process.pid}`;
  const files = `${draft}.files`;
  await mkdir(draft, { recursive: true });
  await mkdir(files, { recursive: true });
  await run('apt-get', ['download', ...packages], { cwd: files }).catch(async () => {
    await run('apt-get', ['update', '-qq']);
    await run('apt-get', ['download', ...packages], { cwd: files });
  });
  for (const file of await readdir(files)) await run('dpkg', ['-x', join(files, basename(file)), draft]);
  await rm(files, { recursive: true });
  await rename(draft, target);
  return target;
}
