import { createScratchDatabase, runSql } from '@waybill/embedded/test-database';
import { expect, onTestFinished, test } from 'vitest';
import { fixedLogin } from './database-login.ts';
import { startListener } from './listen.ts';
import { silentLogger } from './log.ts';

test('what is notified arrives, and when the connection is lost the listener says that it is back and hears again', async () => {
  const scratch = await createScratchDatabase();
  const heard: string[] = [];
  let reconnects = 0;
  const listener = startListener({
    login: fixedLogin(scratch.url),
    channel: 'Odd "name"',
    onMessage: (payload) => heard.push(payload),
    onReconnect: () => reconnects++,
    log: silentLogger,
  });
  onTestFinished(async () => {
    await listener.stop();
    await scratch[Symbol.asyncDispose]();
  });
  await expect.poll(() => listener.connected()).toBe(true);
  const notify = (text: string) => runSql(scratch.url, `select pg_notify('Odd "name"', '${text}')`, `select pg_notify('other', 'no')`);
  await notify('one,two');
  await expect.poll(() => heard).toEqual(['one,two']);
  expect(reconnects).toBe(0);
  await runSql(
    scratch.url,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener' and datname = current_database()",
  );
  await expect.poll(() => reconnects, { timeout: 10_000 }).toBe(1);
  await notify('three');
  await expect.poll(() => heard).toEqual(['one,two', 'three']);
  await listener.stop();
  expect(listener.connected()).toBe(false);
});
