import { type Context, print } from '../context.ts';
import { selectReleases } from './releases.ts';
import { render } from './render.ts';
import { openSession } from './session.ts';
import type { SelectOptions } from './status.ts';

/** Writes the manifests, of all that is installed or of one part of one environment, and says where they are. */
export async function renderCommand(context: Context, options: SelectOptions): Promise<undefined> {
  const { root } = context;
  const { part } = options;
  const session = openSession(context, options);
  const only = part === undefined || part === 'all' ? undefined : selectReleases(session, part);
  const rendered = await render(session, only);
  print(context, { root: root.path, files: rendered.files, ...(only && { releases: only.map(({ name }) => name) }) }, [
    `${rendered.files.length} files rendered into ${root.env}`,
    ...(only
      ? [`they hold nothing but ${only.map(({ name, namespace }) => `${name} (${namespace})`).join(', ')}; without -l all of it comes back`]
      : []),
    `install them with "kubectl apply --server-side -k ${root.path}", or let "waybill ${root.flag}k8s quickstart" do it with Helm`,
  ]);
}
