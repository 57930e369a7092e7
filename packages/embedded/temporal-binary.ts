import { execFile, spawn } from 'node:child_process';
import { access, constants, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { WaybillError } from '@waybill/kernel/errors';

const run = promisify(execFile);

const goPackage = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
const oldestServer = [1, 28] as const; // update-with-start without switches

type Options = {
  /** Where a downloaded or built binary is kept. */
  cacheDir: string;
  /** Told before anything that takes time, external commands word for word. */
  onProgress?: (message: string) => void;
  environment?: Record<string, string | undefined>;
};

/**
 * The path of a `temporal` binary that is new enough: TEMPORAL_CLI, PATH, the cache, GOPATH, the SDK's download, and at last
 * a build with Go. Throws `unavailable` with what to do when there is none.
 */
export async function findTemporal(options: Options): Promise<string> {
  const { cacheDir, onProgress = () => undefined } = options;
  const { path, problems } = await locateTemporal(options);
  for (const problem of problems) onProgress(problem);
  if (path) return path;
  await mkdir(cacheDir, { recursive: true });
  const found = (await download(cacheDir, onProgress)) ?? (await build(cacheDir, onProgress));
  if (found) return found;
  throw new WaybillError(
    'unavailable',
    `no temporal binary was found, and none could be fetched: install it (https://docs.temporal.io/cli), or install Go and run "go install ${goPackage}", or set TEMPORAL_CLI to its path`,
  );
}

/** The part of `findTemporal` that only looks: what is on this machine, and why a binary that is there will not do. */
export async function locateTemporal(options: Options): Promise<{ path?: string; problems: string[] }> {
  // biome-ignore lint/style/noProcessEnv: PATH and TEMPORAL_CLI tell where this machine keeps a program; they are not Waybill's settings.
  const { cacheDir, environment = process.env } = options;
  const chosen = environment['TEMPORAL_CLI'];
  if (chosen) {
    const problem = await problemOf(chosen);
    if (problem) throw new WaybillError('unavailable', `TEMPORAL_CLI is ${chosen}, but ${problem}`);
    return { path: chosen, problems: [] };
  }
  const problems: string[] = [];
  for (const candidate of [...onPath(environment['PATH']), ...(await inCache(cacheDir)), ...(await inGoPath())]) {
    const problem = await problemOf(candidate);
    if (!problem) return { path: candidate, problems };
    if (problem !== missing) problems.push(`${candidate} is not used: ${problem}`);
  }
  return { problems };
}

const missing = 'it is not there';

async function problemOf(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return missing;
  }
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 20_000 });
    const [, major, minor] = /Server (\d+)\.(\d+)/.exec(stdout) ?? [];
    if (!major || !minor) return `it does not say which server it holds: ${stdout.trim().slice(0, 100)}`;
    const recent = Number(major) > oldestServer[0] || (Number(major) === oldestServer[0] && Number(minor) >= oldestServer[1]);
    return recent ? undefined : `its server ${major}.${minor} is older than ${oldestServer.join('.')}`;
  } catch (error) {
    return `it does not run: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
}

const onPath = (path = ''): string[] =>
  path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'temporal'));

async function inCache(cacheDir: string): Promise<string[]> {
  const names = await readdir(cacheDir).catch(() => []);
  return names
    .filter((name) => name === 'temporal' || /^temporal-sdk-typescript-[\d.]+$/.test(name))
    .sort()
    .reverse()
    .map((name) => join(cacheDir, name));
}

async function inGoPath(): Promise<string[]> {
  try {
    const { stdout } = await run('go', ['env', 'GOBIN', 'GOPATH'], { timeout: 10_000 });
    const [bin = '', paths = ''] = stdout.split('\n').map((line) => line.trim());
    return onPath([bin, ...paths.split(delimiter).map((path) => join(path, 'bin'))].join(delimiter));
  } catch {
    return [];
  }
}

/** The SDK can fetch a dev server, but only while it starts one, and its package is heavy: a process of its own does both. */
async function download(cacheDir: string, onProgress: (message: string) => void): Promise<string | undefined> {
  onProgress('downloading the temporal binary');
  const script = `
    import { TestWorkflowEnvironment } from '@temporalio/testing';
    const executable = { type: 'cached-download', downloadDir: ${JSON.stringify(cacheDir)}, ttl: '365 days' };
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
    await environment.teardown();`;
  try {
    await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname, timeout: 300_000 });
  } catch {
    return undefined; // no way out of this network, say: the next way is tried
  }
  for (const candidate of await inCache(cacheDir)) if (!(await problemOf(candidate))) return candidate;
  return undefined;
}

async function build(cacheDir: string, onProgress: (message: string) => void): Promise<string | undefined> {
  try {
    await run('go', ['version'], { timeout: 10_000 });
  } catch {
    return undefined;
  }
  onProgress(`GOBIN=${cacheDir} go install ${goPackage} (some minutes, once)`);
  const child = spawn('env', [`GOBIN=${cacheDir}`, 'CGO_ENABLED=0', 'go', 'install', goPackage], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2_000)));
  const code = await new Promise((resolve) => child.on('close', resolve).on('error', () => resolve(-1)));
  if (code !== 0) {
    onProgress(`the build failed: ${errors.trim().split('\n').at(-1) ?? ''}`);
    return undefined;
  }
  const path = join(cacheDir, 'temporal');
  return (await problemOf(path)) ? undefined : path;
}
