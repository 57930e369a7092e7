import { spawn } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { sendSignal } from '@waybill/embedded/processes';

const longestSeconds = 120;

// What SQLite keeps beside its file, by the mode it writes in: what is not in the file yet, or what must be undone in it.
const companions = ['', '-wal', '-journal'] as const;
const beside = ['-wal', '-journal', '-shm'] as const;

/**
 * Copies the dev server's database as it is at one moment, and calls `atThatMoment` in it. The server is held still meanwhile, for the
 * time it takes to copy its files: nothing that has happened in Temporal is then later than the copy, and nothing in the copy is later
 * than what `atThatMoment` sees. To everybody else it is a server that is slow for a moment. The copy is one whole file.
 */
export async function snapshotTemporal<T>(
  options: { dbFile: string; pid: number; copy: string },
  atThatMoment: () => Promise<T>,
): Promise<T> {
  const { dbFile, pid, copy } = options;
  try {
    const seen = await whileHeld(pid, async () => {
      for (const end of companions) if (existsSync(dbFile + end)) await copyFile(dbFile + end, copy + end, constants.COPYFILE_FICLONE);
      return atThatMoment();
    });
    makeWhole(copy);
    for (const end of beside) await rm(copy + end, { force: true }); // a journal that was begun and never needed can be left
    return seen;
  } catch (error) {
    await removeCopy(copy);
    throw error;
  }
}

export async function removeCopy(copy: string): Promise<void> {
  for (const end of ['', ...beside]) await rm(copy + end, { force: true });
}

/** The files are what a crash would have left, so opening them is a recovery, which puts everything into the one. */
function makeWhole(copy: string): void {
  const file = new DatabaseSync(copy);
  try {
    file.exec('pragma wal_checkpoint(truncate); pragma journal_mode = delete');
    const [found] = file.prepare('pragma quick_check(1)').all();
    if (found?.['quick_check'] !== 'ok') throw new Error(`Temporal's database is damaged: ${JSON.stringify(found)}`);
  } finally {
    file.close();
  }
}

/** Holds a process still while the work is done; it goes on afterwards, also if this process dies meanwhile. */
async function whileHeld<T>(pid: number, work: () => Promise<T>): Promise<T> {
  const guard = spawn('sh', ['-c', `sleep ${longestSeconds}; kill -CONT ${pid}`], { detached: true, stdio: 'ignore' });
  guard.unref();
  guard.on('error', () => {}); // without a shell there is no guard
  sendSignal(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    sendSignal(pid, 'SIGCONT');
    if (guard.pid !== undefined) sendSignal(-guard.pid, 'SIGTERM');
  }
}
