import { expect, test } from 'vitest';
import type { Finding } from '../k8s/explain.ts';
import { judge } from './status.ts';

const finding = (component: string, state: Finding['state'], reason?: string): Finding => ({
  component,
  object: `Deployment infra/${component}`,
  state,
  figure: '',
  ...(reason !== undefined && { reason }),
});
const well = ['postgresql', 'temporal-schema', 'temporal', 'temporal-namespaces'].map((name) => finding(name, 'ready'));
const but = (...changed: Finding[]) => [...well.filter(({ component }) => !changed.some((one) => one.component === component)), ...changed];

test('Temporal is active when database, schema, server and namespaces are', () => {
  expect(judge(well)).toEqual({ state: 'active' });
});

test('it is blocked by what needs somebody to act, the cause before its consequences', () => {
  expect(judge([])).toMatchObject({ state: 'blocked', reason: 'it is not installed' });
  expect(judge(but(finding('postgresql', 'waiting', 'pending'), finding('temporal', 'waiting', 'no database')))).toMatchObject({
    state: 'blocked',
    reason: 'its database cannot be reached: pending',
  });
  expect(judge(but(finding('temporal-schema', 'failed', 'no right to do this'), finding('temporal', 'waiting')))).toMatchObject({
    state: 'blocked',
    reason: 'the schema is missing or behind: no right to do this',
  });
  const behind = 'wait-for-schema is at work\n  │ database temporal has schema 1.17, and this server needs 1.19';
  expect(judge(but(finding('temporal', 'waiting', behind)))).toMatchObject({
    state: 'blocked',
    reason: expect.stringContaining('needs 1.19'),
  });
});

test('it is waiting while pods start', () => {
  expect(judge(but(finding('temporal', 'waiting', 'it is starting')))).toMatchObject({
    state: 'waiting',
    reason: 'the server is not ready: it is starting',
  });
  expect(judge(but(finding('temporal-schema', 'waiting', 'the job runs')))).toMatchObject({ state: 'waiting' });
});
