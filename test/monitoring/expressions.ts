import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const deploy = join(import.meta.dirname, '../../deploy');

export const alertsFolder = join(deploy, 'alerts');

export type AlertRule = { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string; runbook: string } };

export const alertRules = (): AlertRule[] =>
  readdirSync(alertsFolder).flatMap((file) =>
    (parse(readFileSync(join(alertsFolder, file), 'utf8')) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules),
  );

type Dashboard = { title: string; panels: { title: string; targets?: { expr: string }[] }[] };

/** Every query of every dashboard, with what Grafana would put in place of its variables. */
export const dashboardQueries = (): { panel: string; expr: string }[] =>
  readdirSync(join(deploy, 'dashboards')).flatMap((file) => {
    const { title, panels } = JSON.parse(readFileSync(join(deploy, 'dashboards', file), 'utf8')) as Dashboard;
    return panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        panel: `${title} / ${panel.title}`,
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(namespace|route)\b/g, '.*'),
      })),
    );
  });

const words = new Set(['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset']);

/** The names of metrics that an expression asks for. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ')
    .replaceAll(/"[^"]*"/g, '');
  const names = [...bare.matchAll(/\b[a-z_:][\w:]*\b(?!\s*\()/gi)].map(([name]) => name);
  return [...new Set(names)].filter((name) => !words.has(name));
}
