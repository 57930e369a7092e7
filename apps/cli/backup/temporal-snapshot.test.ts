import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { snapshotTemporal } from './temporal-snapshot.ts';

/** A process that writes without a pause, a row a transaction, and counts what it has committed in a second file. */
async function startWriter(folder: string, mode: string): Promise<ChildProcess> {
  const program = join(folder, 'writer.mjs');
  writeFileSync(
    program,
    `import { DatabaseSync } from 'node:sqlite';
     import { openSync, writeSync } from 'node:fs';
     const file = new DatabaseSync('${join(folder, 'db')}');
     file.exec('pragma journal_mode = ${mode}; pragma synchronous = off; create table t (n integer primary key, text)');
     const told = openSync('${join(folder, 'told')}', 'w');
     process.stdout.write('ready');
     for (let n = 1; ; n++) {
       file.exec("insert into t values (" + n + ", '" + 'x'.repeat(300) + "')");
       writeSync(told, String(n).padStart(12), 0);
     }`,
  );
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout ?? child, 'data');
  return child;
}

test.for(['wal', 'delete', 'truncate'])('with journal_mode %s the copy holds what was committed, and nothing later', async (mode) => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-snapshot-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { pid = 0 } = await startWriter(folder, mode);
  const told = async () => Number(await readFile(join(folder, 'told'), 'utf8'));
  for (let round = 0; round < 8; round++) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    const copy = join(folder, 'copy');
    const committed = await snapshotTemporal({ dbFile: join(folder, 'db'), pid, copy }, told);
    for (const end of ['-wal', '-shm', '-journal']) expect(existsSync(copy + end), end).toBe(false);
    const file = new DatabaseSync(copy, { readOnly: true });
    const { n } = file.prepare('select max(n) as n from t').get() as { n: number };
    file.close();
    // Held between its commit and telling of it, it has one more.
    expect([committed, committed + 1]).toContain(n);
    const before = await told();
    await expect.poll(told, { timeout: 10_000 }).toBeGreaterThan(before);
    rmSync(copy);
  }
});
