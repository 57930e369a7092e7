import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Root } from '../root.ts';
import { isNodeError, writeFailure, writeWhole } from '../yaml-file.ts';
import { identify, isStill, type ProcessIdentity } from './identity.ts';

export type ComponentName = 'postgres' | 'temporal' | 'server';

/** What uses something is stopped before it. */
export const stopOrder: readonly ComponentName[] = ['server', 'temporal', 'postgres'];

/** `$ROOT/run.json`: who runs this root folder now, or did when it was killed. */
export type RunState = {
  supervisor: ProcessIdentity;
  state: 'starting' | 'running' | 'stopping';
  since: string;
  apiUrl: string;
  children: Partial<Record<ComponentName, ProcessIdentity>>;
};

/** What the file says, whether or not it is still true. */
export const readRunState = (root: Root): RunState | undefined => readState(root.run);

function readState(path: string): RunState | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (isNodeError(error) && error.code === 'ENOENT')) return undefined;
    throw error;
  }
}

/** The state of a supervisor that runs now. */
export function liveRunState(root: Root): RunState | undefined {
  const state = readRunState(root);
  return state && isStill(state.supervisor) ? state : undefined;
}

export type RunLock = {
  /** What the last supervisor left behind if it was killed. */
  left: RunState | undefined;
  update(change: Partial<Omit<RunState, 'supervisor'>>): void;
  release(): void;
};

/** Makes this process the one that runs the root folder, or returns the state of the one that already does. */
export function takeRunLock(root: Root, apiUrl: string): { lock: RunLock } | { heldBy: RunState } {
  const supervisor = identify(process.pid);
  if (!supervisor) throw new Error('this process cannot see itself in the process table');
  let current: RunState = { supervisor, state: 'starting', since: new Date().toISOString(), apiUrl, children: {} };
  let left: RunState | undefined;
  for (;;) {
    if (createExclusively(root.run, format(current))) break;
    const held = readRunState(root);
    if (held && isStill(held.supervisor)) return { heldBy: held };
    if (removeDead(root.run, held)) left = held;
  }
  const ours = () => readRunState(root)?.supervisor.pid === process.pid;
  if (!ours()) return { heldBy: liveRunState(root) ?? current }; // another start's file was put back over it
  // The children of the killed run are ours to stop, also if we are killed before we have.
  if (left) current = { ...current, children: left.children };
  const lock: RunLock = {
    left,
    update(change) {
      current = { ...current, ...change };
      try {
        if (ours()) writeWhole(root.run, format(current), 0o644);
      } catch {
        // A disk that is full now must not end what keeps the others running; the next change is written again.
      }
    },
    release() {
      if (ours()) rmSync(root.run, { force: true });
    },
  };
  lock.update({});
  return { lock };
}

const format = (state: RunState): string => `${JSON.stringify(state, null, 2)}\n`;

/** Removes the file of a dead run. Another start may have taken it over since it was read; that one's file is put back. */
export function removeDead(path: string, dead: RunState | undefined): boolean {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return false;
    throw writeFailure(path, error);
  }
  const isDead = isDeepStrictEqual(readState(aside), dead);
  if (isDead) rmSync(aside, { force: true });
  else renameSync(aside, path);
  return isDead;
}

/** Creates the file with all of its text, or returns false when there is one. */
function createExclusively(path: string, text: string): boolean {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, text, { mode: 0o644, flush: true });
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (isNodeError(error) && error.code === 'EEXIST') return false;
    throw writeFailure(path, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}
