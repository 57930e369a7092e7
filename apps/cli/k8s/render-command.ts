import { type Context, print } from '../context.ts';
import { render } from './render.ts';
import { openSession } from './session.ts';
import type { SelectOptions } from './status.ts';

/** Writes the manifests and says where they are. */
export async function renderCommand(context: Context, options: SelectOptions): Promise<undefined> {
  const { root } = context;
  const rendered = await render(openSession(context, options));
  print(context, { root: root.path, files: rendered.files }, [
    `${rendered.files.length} files rendered into ${root.env}`,
    `install them with "kubectl apply --server-side -k ${root.path}", or let "waybill ${root.flag}k8s quickstart" do it with Helm`,
  ]);
}
