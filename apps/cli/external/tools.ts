import { spawn } from 'node:child_process';
import { type Context, printCommand } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';

export const toolNames = ['helm', 'kubectl', 'docker', 'eksctl'] as const;
export type ToolName = (typeof toolNames)[number];

export type RunOptions = {
  /** Given on standard input, so that it is in no list of processes and no log. */
  input?: string;
  timeoutMs?: number;
  /** Gets each line as it is written, of both streams. */
  onLine?(line: string): void;
  /** Exit codes beside 0 that are answers, not failures; or any, for a caller who tells failures itself. */
  accept?: readonly number[] | 'any';
  /** Asked again and again: shown the first time only. */
  repeated?: boolean;
};

export type Ran = { code: number; stdout: string; stderr: string };

/** A program that runs on until it is stopped, such as a port-forward. */
export type Running = { stop(): void; ended: Promise<Ran>; firstLine: Promise<string> };

export type Tools = {
  /** Runs what only looks; also under --dry-run. */
  read(tool: ToolName, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Runs what changes something; under --dry-run it is only printed. */
  change(tool: ToolName, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Hands the terminal over, and resolves with the exit code. */
  attach(tool: ToolName, args: readonly string[]): Promise<number>;
  background(tool: ToolName, args: readonly string[]): Running;
};

const usualTimeoutMs = 120_000;

/** Runs external programs: shows each call first, ends it with the command, and turns its failure into a sentence. */
export function createTools(context: Context, contextName?: string): Tools {
  const { io } = context;
  const shown = new Set<string>();
  const programOf = (tool: ToolName) => io.env[tool.toUpperCase()] || tool;

  function prepare(tool: ToolName, args: readonly string[], once = false): [string, string[]] {
    const chosen =
      contextName === undefined || (tool !== 'helm' && tool !== 'kubectl')
        ? []
        : [tool === 'helm' ? '--kube-context' : '--context', contextName];
    const command: [string, string[]] = [programOf(tool), [...chosen, ...args]];
    const line = [command[0], ...command[1]].join('\0');
    if (!once || !shown.has(line)) printCommand(context, [command[0], ...command[1]]);
    shown.add(line);
    return command;
  }

  function start([program, args]: [string, string[]], input: string | undefined, onLine?: (line: string) => void) {
    // In a session of its own: Ctrl-C reaches us, and we ask it to end, so that helm records what it was doing.
    const child = spawn(program, args, { cwd: io.cwd, env: definedOnly(io.env), stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    child.stdin.on('error', () => {}); // a program that does not read to the end says why on standard error
    child.stdin.end(input ?? '');
    const text = { stdout: '', stderr: '' };
    const rest = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
        const lines = `${rest[name]}${chunk}`.split('\n');
        rest[name] = lines.pop() ?? '';
        for (const line of lines) onLine?.(line);
      });
    }
    let stopped = false;
    const forget = io.onStop(() => {
      stopped = true;
      child.kill('SIGTERM');
    });
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? missing(program) : error));
      child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), ...text }));
    }).finally(forget);
    return { child, ended, wasStopped: () => stopped };
  }

  async function run(tool: ToolName, args: readonly string[], options: RunOptions): Promise<Ran> {
    const { child, ended, wasStopped } = start(prepare(tool, args, options.repeated), options.input, options.onLine);
    let late = false;
    const timeoutMs = options.timeoutMs ?? usualTimeoutMs;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGTERM');
    }, timeoutMs);
    const ran = await ended.finally(() => clearTimeout(timer));
    if (wasStopped()) throw new Interrupted();
    if (late) throw failed(tool, args, `it had not ended after ${timeoutMs / 1_000} s`);
    if (ran.code === 0 || options.accept === 'any' || options.accept?.includes(ran.code)) return ran;
    throw failed(tool, args, lastLines(ran.stderr || ran.stdout) || `it ended with exit code ${ran.code}`);
  }

  return {
    read: (tool, args, options = {}) => run(tool, args, options),
    async change(tool, args, options = {}) {
      if (!context.dryRun) return run(tool, args, options);
      prepare(tool, args);
      return { code: 0, stdout: '', stderr: '' };
    },
    attach(tool, args) {
      const [program, words] = prepare(tool, args);
      if (context.dryRun) return Promise.resolve(0);
      const child = spawn(program, words, { cwd: io.cwd, env: definedOnly(io.env), stdio: 'inherit' });
      const forget = io.onStop(() => {}); // it shares our terminal and has been told as well
      return new Promise<number>((resolve, reject) => {
        child.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? missing(program) : error));
        child.once('close', (code) => resolve(code ?? 130));
      }).finally(forget);
    },
    background(tool, args) {
      const first = Promise.withResolvers<string>();
      const { child, ended } = start(prepare(tool, args, true), undefined, (line) => first.resolve(line));
      const settled = ended.then((ran) => {
        first.reject(failed(tool, args, lastLines(ran.stderr) || `it ended with exit code ${ran.code}`));
        return ran;
      });
      settled.catch((error: unknown) => first.reject(error));
      first.promise.catch(() => {});
      return { stop: () => void child.kill('SIGTERM'), ended: settled, firstLine: first.promise };
    },
  };
}

const definedOnly = (env: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

/** What a program said last; helm's warnings and kubectl's client noise are not it. */
export function lastLines(text: string): string {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(WARNING|walk\.go|Use --debug|I\d{4}|W\d{4}|level=(INFO|WARN))/.test(line));
  return lines.slice(-6).join('\n');
}

function failed(tool: ToolName, args: readonly string[], reason: string): CommandError {
  const verb = args.filter((word) => !word.startsWith('-')).slice(0, 2);
  return new CommandError('unavailable', `"${[tool, ...verb].join(' ')}" failed: ${reason.replace(/^Error: /, '')}`, {
    fix: wayOut(reason),
  });
}

/** The usual failures of a cluster that cannot be spoken to, and otherwise where to look. */
function wayOut(reason: string): string {
  if (/connection refused|no such host|i\/o timeout|was refused|localhost:8080|context .* does not exist/i.test(reason))
    return 'the cluster cannot be reached: set KUBECONFIG to its file (and K8S_CONTEXT to the context), and try "kubectl get nodes"';
  if (/forbidden|unauthorized/i.test(reason)) return 'use a kubeconfig whose user may do this';
  if (/another operation .* is in progress/i.test(reason)) return 'wait for the other one to end; if it was killed, add --take-over';
  return 'the command above can be run by hand to see more; "waybill k8s status" says what is not ready';
}

const sources: Record<ToolName, string> = {
  helm: 'install Helm 3.14 or newer (https://helm.sh/docs/intro/install), or set HELM to it',
  kubectl: 'install kubectl 1.29 or newer (https://kubernetes.io/docs/tasks/tools), or set KUBECTL to it',
  docker: 'install Docker with buildx (https://docs.docker.com/engine/install), or set DOCKER to it',
  eksctl: 'install eksctl (https://eksctl.io/installation), or set EKSCTL to it',
};

function missing(program: string): CommandError {
  const tool = toolNames.find((name) => program === name);
  return new CommandError('not_found', `${program} was not found on this machine`, {
    fix: tool ? sources[tool] : `correct the path, or unset the variable that names it`,
  });
}

/** What needs a tool, for a person who lacks it. */
export const toolUses: Record<ToolName, string> = {
  helm: '"waybill k8s"',
  kubectl: '"waybill k8s"',
  docker: '"waybill images" and "waybill local start --docker"',
  eksctl: '"waybill cluster create-eks"',
};

const minimum: Record<ToolName, [number, number]> = { helm: [3, 14], kubectl: [1, 29], docker: [23, 0], eksctl: [0, 180] };

export type ToolVersion = { text: string; major: number; ok: boolean; needed: string; fix: string };

/** The version of a tool, and whether it is new enough. Throws when it is not there. */
export async function versionOf(tools: Tools, tool: ToolName): Promise<ToolVersion> {
  const args = tool === 'kubectl' ? ['version', '--client', '-o', 'json'] : tool === 'docker' ? ['--version'] : ['version'];
  const { stdout } = await tools.read(tool, args, { timeoutMs: 20_000, repeated: true });
  const found = /v?(\d+)\.(\d+)(?:\.\d+)?/.exec(tool === 'kubectl' ? (/"gitVersion":\s*"([^"]+)"/.exec(stdout)?.[1] ?? '') : stdout);
  const [major, minor] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  const [wantMajor, wantMinor] = minimum[tool];
  return {
    text: found?.[0] ?? stdout.trim(),
    major,
    ok: major > wantMajor || (major === wantMajor && minor >= wantMinor),
    needed: minimum[tool].join('.'),
    fix: sources[tool],
  };
}

/** Throws a sentence unless the tool is there and new enough. */
export async function requireTool(tools: Tools, tool: ToolName): Promise<ToolVersion> {
  const version = await versionOf(tools, tool);
  if (version.ok) return version;
  throw new CommandError('unavailable', `${tool} is ${version.text}, and ${version.needed} or newer is needed`, { fix: version.fix });
}
