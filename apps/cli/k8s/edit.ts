import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Context, print, printCommand } from '../context.ts';
import { CommandError } from '../failure.ts';
import { createRoot } from '../root.ts';
import { writeWhole } from '../yaml-file.ts';

const kustomization = `# Yours: applied to everything that is installed in a cluster, by "waybill k8s" and by "kubectl apply -k" alike.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
# For example, a label on every object, and more replicas of the gateway of prod:
# labels:
#   - pairs: { team: shop }
# patches:
#   - target: { kind: Deployment, name: gateway, namespace: prod }
#     patch: |
#       - { op: replace, path: /spec/replicas, value: 4 }
`;

const values = (chart: string): string =>
  `# Yours: values of the chart ${chart}, stronger than all others. deploy/charts/${chart}/README.md lists what there is.\n`;

/** Opens one of the user's own files. */
export function edit(context: Context, what: string): undefined {
  const { root, io } = context;
  const files: Record<string, { path: string; template: string }> = {
    config: { path: root.config, template: '# What differs from the defaults; docs/configuration.md lists the settings.\n' },
    kustomization: { path: join(root.envCustom, 'kustomization.yaml'), template: kustomization },
    ...Object.fromEntries(
      ['platform', 'monitoring', 'waybill', 'waybill-staging', 'waybill-prod'].map((name) => [
        name,
        { path: join(root.envCustom, 'values', `${name}.yaml`), template: values(name.split('-')[0] ?? name) },
      ]),
    ),
  };
  const file = files[what];
  if (!file)
    throw new CommandError('invalid', `there is no file "${what}" to edit`, { fix: `choose one of ${Object.keys(files).join(', ')}` });
  const editor = io.env['VISUAL'] || io.env['EDITOR'];
  if (!context.dryRun && !existsSync(file.path)) {
    createRoot(root);
    mkdirSync(dirname(file.path), { recursive: true });
    writeWhole(file.path, file.template, 0o600);
  }
  if (!context.interactive || !editor) return print(context, { path: file.path }, [file.path]);
  printCommand(context, [editor, file.path]);
  if (context.dryRun) return;
  // An editor may be several words, such as "code --wait"; the shell takes it apart as everywhere.
  const { status } = spawnSync('sh', ['-c', `${editor} "$1"`, 'edit', file.path], { stdio: 'inherit' });
  if (status !== 0)
    throw new CommandError('invalid', `${editor} ended with exit code ${status}`, { fix: `edit ${file.path} with another one` });
  print(context, { path: file.path }, [`${file.path} is saved; "waybill config check" checks it`]);
}
