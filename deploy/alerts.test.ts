import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { alertRules, dashboardQueries } from '../test/monitoring/expressions.ts';

const repository = join(import.meta.dirname, '..');
const runbooks = join(repository, 'docs/runbooks');

test('each alert names a runbook that says what it means, how to see it and what to do', () => {
  const rules = alertRules();
  expect(rules.length).toBeGreaterThan(0);
  for (const { alert, annotations, labels } of rules) {
    expect(annotations.runbook, alert).toBe(`docs/runbooks/${alert}.md`);
    const text = readFileSync(join(repository, annotations.runbook), 'utf8');
    expect(text, alert).toContain(`# ${alert}\n`);
    for (const part of ['\n## See it\n', '\n## Do\n']) expect(text, alert).toContain(part);
    expect(['warning', 'critical'], alert).toContain(labels.severity);
    expect(annotations.summary, alert).not.toBe('');
  }
});

test('each runbook belongs to an alert, and leads only to pages that exist', () => {
  const alerts = new Set(alertRules().map(({ alert }) => alert));
  for (const file of readdirSync(runbooks)) {
    expect(alerts, file).toContain(basename(file, '.md'));
    for (const [, link = ''] of readFileSync(join(runbooks, file), 'utf8').matchAll(/\]\(([^)]+)\)/g))
      expect(existsSync(join(runbooks, link)), `${file} links ${link}`).toBe(true);
  }
});

test('an alert adds over namespaces nothing that belongs apart', () => {
  for (const { alert, expr } of alertRules()) expect(expr, alert).toMatch(/namespace/);
  expect(dashboardQueries().filter(({ expr }) => !/namespace=~/.test(expr))).toEqual([]);
});
