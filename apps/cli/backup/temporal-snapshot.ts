import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal } from '@waybill/embedded/processes';

const tries = 200;
const longestSeconds = 120;

/**
 * Copies the dev server's database file as it is at one moment, and calls `atThatMoment` in it. The server is held still meanwhile,
 * for the time it takes to copy a file: nothing that has happened in Temporal is then later than the copy, and nothing in the copy
 * is later than what `atThatMoment` sees. To everybody else it is a server that is slow for a moment.
 */
export async function snapshotTemporal<T>(
  options: { dbFile: string; pid: number; copy: string },
  atThatMoment: () => Promise<T>,
): Promise<T> {
  const { dbFile, pid, copy } = options;
  for (let attempt = 1; ; attempt++) {
    const goesOn = hold(pid);
    const file = new DatabaseSync(dbFile, { readOnly: true });
    try {
      // Refused if it was held in the middle of a write: then the file is not whole, and it must go on first.
      file.exec('begin; select count(*) from sqlite_master');
      await copyFile(dbFile, copy, constants.COPYFILE_FICLONE);
      return await atThatMoment();
    } catch (error) {
      await rm(copy, { force: true });
      if (attempt === tries || !(error instanceof Error && /locked|busy|unable to open/.test(error.message))) throw error;
    } finally {
      file.close();
      goesOn();
    }
    await delay(20);
  }
}

/** Holds a process still. It goes on when told to, or after two minutes should this process die. */
function hold(pid: number): () => void {
  const guard = spawn('sh', ['-c', `sleep ${longestSeconds}; kill -CONT ${pid}`], { detached: true, stdio: 'ignore' });
  guard.unref();
  guard.on('error', () => {}); // without a shell there is no guard
  sendSignal(pid, 'SIGSTOP');
  return () => {
    sendSignal(pid, 'SIGCONT');
    if (guard.pid !== undefined) sendSignal(-guard.pid, 'SIGTERM');
  };
}
