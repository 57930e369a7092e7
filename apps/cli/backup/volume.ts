import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createMeter } from '@waybill/kernel/stream-meter';
import { printCommand } from '../context.ts';
import { CommandError } from '../failure.ts';
import { applyObject } from '../k8s/apply.ts';
import { imageOf } from '../k8s/image.ts';
import type { Session } from '../k8s/session.ts';

/** A volume of the cluster, mounted for a while into a pod of ours that does the work on it. */
export type Volume = {
  list(folder: string): Promise<string[]>;
  /** Rejects while reading when the file is not there or the connection breaks. */
  get(path: string): Readable;
  put(path: string, content: Readable, signal: AbortSignal): Promise<void>;
  unpack(folder: string, archive: Readable, signal: AbortSignal): Promise<void>;
  move(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  close(): Promise<void>;
};

type Place = { namespace: string; claim: string; userId: number; mountPath: string };

const server = ['/usr/local/bin/node', '/app/server.js', 'files'];

/** Starts the pod and waits for it. It runs as `userId`, so that what it writes belongs to that user. */
export async function openVolume(session: Session, place: Place): Promise<Volume> {
  const { tools, context, configuration } = session;
  const { namespace } = place;
  const name = `waybill-files-${randomBytes(3).toString('hex')}`;
  const { repository, tag, digest } = await imageOf(session);
  const image = digest === undefined ? `${repository}:${tag}` : `${repository}@${digest}`;
  await applyObject(tools, podOf(name, image, place));
  const close = async () => {
    await tools.change('kubectl', ['delete', 'pod', '--namespace', namespace, name, '--grace-period=1', '--ignore-not-found']);
  };
  try {
    await tools.read('kubectl', ['wait', '--namespace', namespace, `pod/${name}`, '--for=condition=Ready', '--timeout=120s'], {
      timeoutMs: 130_000,
    });
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }

  function run(args: readonly string[]) {
    const chosen = configuration.cli.K8S_CONTEXT === undefined ? [] : ['--context', configuration.cli.K8S_CONTEXT];
    const command = [
      context.io.env['KUBECTL'] || 'kubectl',
      ...chosen,
      'exec',
      '--stdin',
      '--namespace',
      namespace,
      name,
      '--',
      ...server,
      ...args,
    ];
    printCommand(context, command);
    const child = spawn(command[0] ?? '', command.slice(1), {
      env: context.io.env as NodeJS.ProcessEnv,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdin.on('error', () => {}); // it says why on standard error
    const said = text(child.stderr);
    const ended = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0) resolve();
        else said.then((words) => reject(failure(args, words)), reject);
      });
    });
    ended.catch(() => {}); // waited for by every caller
    return { child, ended };
  }

  async function answer(args: readonly string[]): Promise<string> {
    const { child, ended } = run(args);
    child.stdin.end();
    const [said] = await Promise.all([text(child.stdout), ended]);
    return said;
  }

  async function send(args: readonly string[], content: Readable, signal: AbortSignal): Promise<void> {
    const sent = createMeter();
    const { child, ended } = run(args);
    const said = text(child.stdout);
    try {
      await pipeline(content, sent.stream, child.stdin, { signal });
    } catch (error) {
      child.kill('SIGTERM');
      await Promise.race([ended, Promise.reject(error)]); // what the other side says of it is the better reason
      throw error;
    }
    await ended;
    const { sha256 }: { sha256?: string } = JSON.parse((await said) || '{}');
    if (sha256 !== sent.measured().sha256)
      throw new CommandError('unavailable', 'the connection to the cluster broke while a file was sent', { fix: 'try again' });
  }

  return {
    list: async (folder) => JSON.parse(await answer(['list', folder])),
    get(path) {
      const { child, ended } = run(['get', path]);
      child.stdin.end();
      const through = new Transform({
        transform: (chunk, _encoding, done) => done(null, chunk),
        flush: (done) => void ended.then(() => done(), done), // an end counts only if the other side ended well
      });
      return child.stdout.pipe(through);
    },
    async put(path, content, signal) {
      await send(['put', `${path}.part`], content, signal).catch(async (error: unknown) => {
        await answer(['remove', `${path}.part`]).catch(() => {});
        throw error;
      });
      await answer(['move', `${path}.part`, path]);
    },
    unpack: (folder, archive, signal) => send(['unpack', folder], archive, signal),
    move: async (from, to) => void (await answer(['move', from, to])),
    remove: async (path) => void (await answer(['remove', path])),
    close,
  };
}

function failure(args: readonly string[], words: string): CommandError {
  const reason = words.trim().split('\n').slice(-3).join(' ');
  if (/ENOSPC|no space left/i.test(reason))
    return new CommandError('unavailable', 'the volume in the cluster is full', {
      fix: 'make it larger, or delete what is no longer needed on it',
    });
  return new CommandError('unavailable', `"files ${args.join(' ')}" in the cluster failed: ${reason || 'the connection broke'}`, {
    fix: 'try again',
  });
}

const podOf = (name: string, image: string, { namespace, claim, userId, mountPath }: Place) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'waybill', 'app.kubernetes.io/component': 'files' } },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    // Should the command die, the pod ends by itself.
    activeDeadlineSeconds: 6 * 3_600,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'files',
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['files', 'wait'],
        // Two processes: the one that waits, and the one that works beside it. Each takes 45 Mi before it has done anything.
        env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=48 --max-semi-space-size=1' }],
        resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '224Mi' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'data', mountPath }],
      },
    ],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
  },
});
