import { expect, test, vi } from 'vitest';
import { WaybillError } from './errors.ts';
import { createReadiness } from './readiness.ts';

const works = async (): Promise<void> => {};
const fails = async (): Promise<void> => {
  throw new WaybillError('unavailable', 'it is closed');
};

test('only what is needed makes a process unready, and everything is listed', async () => {
  const optional = createReadiness([
    { name: 'a', check: works, needed: true },
    { name: 'b', check: fails, needed: false },
  ]);
  expect(await optional.report()).toEqual({
    ready: true,
    draining: false,
    checks: [
      { name: 'a', ok: true, needed: true },
      { name: 'b', ok: false, needed: false, error: 'it is closed' },
    ],
  });
  expect(await createReadiness([{ name: 'b', check: fails, needed: true }]).report()).toMatchObject({ ready: false });
});

test('a check that hangs is a failed one', async () => {
  const readiness = createReadiness([{ name: 'a', check: () => new Promise(() => {}), needed: true }], { timeoutMs: 20 });
  expect((await readiness.report()).checks).toEqual([{ name: 'a', ok: false, needed: true, error: 'no answer within 20 ms' }]);
});

test('the message of a library is for the log and not for everybody', async () => {
  const check = async (): Promise<void> => {
    throw new Error('password authentication failed for user "root"');
  };
  const { checks } = await createReadiness([{ name: 'a', check, needed: true }]).report();
  expect(JSON.stringify(checks)).not.toContain('root');
});

test('many questions at once make one look, and a second later there is a fresh one', async () => {
  const check = vi.fn(works);
  const readiness = createReadiness([{ name: 'a', check, needed: true }]);
  await Promise.all([readiness.report(), readiness.report(), readiness.report()]);
  expect(check).toHaveBeenCalledTimes(1);
  const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_001);
  await readiness.report();
  now.mockRestore();
  expect(check).toHaveBeenCalledTimes(2);
});

test('a process that drains is not ready, whatever its dependencies say', async () => {
  const readiness = createReadiness([{ name: 'a', check: works, needed: true }]);
  expect((await readiness.report()).ready).toBe(true);
  readiness.drain();
  expect(await readiness.report()).toMatchObject({ ready: false, draining: true });
});
