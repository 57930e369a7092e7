import { CommandError } from '../failure.ts';
import { secretsPath } from '../secrets.ts';
import type { KubeObject } from './objects.ts';
import type { Release } from './releases.ts';
import { objectsOf, type Rendered } from './render.ts';
import type { Session } from './session.ts';

type SecretSource = { secretName?: string; name?: string; items?: { key: string }[]; optional?: boolean };
type Volume = { secret?: SecretSource; projected?: { sources: { secret?: SecretSource }[] } };

/** The Secret that an object is, or has made for it. */
function secretOf({ kind, metadata, spec }: KubeObject): string | undefined {
  if (kind === 'Secret' || kind === 'SealedSecret') return metadata.name;
  if (kind === 'ExternalSecret') return spec?.target?.name ?? metadata.name;
  return kind === 'Certificate' ? spec?.secretName : undefined;
}

/** The Secrets that pods mount, and the keys that must be in them. What the same objects make on their way is left out. */
export function requiredSecrets(objects: readonly KubeObject[]): Map<string, Set<string>> {
  const required = new Map<string, Set<string>>();
  const made = new Set(objects.map(secretOf));
  const volumes: Volume[] = objects.flatMap(({ spec }) => spec?.template?.spec?.volumes ?? []);
  for (const { secret, projected } of volumes) {
    for (const source of [secret, ...(projected?.sources ?? []).map((one) => one.secret)]) {
      const name = source?.secretName ?? source?.name;
      if (!source || name === undefined || source.optional || made.has(name)) continue;
      const keys = required.get(name) ?? new Set();
      for (const { key } of source.items ?? []) keys.add(key);
      required.set(name, keys);
    }
  }
  return required;
}

/** Throws, naming all that is missing, unless the Secrets are there with the keys that pods want: without them no pod would start. */
export async function requireSecrets(session: Session, releases: readonly Release[], rendered: Rendered): Promise<void> {
  const lacking: string[] = [];
  for (const release of releases) {
    for (const [name, wanted] of requiredSecrets(objectsOf(rendered, release))) {
      const there = await keysIn(session, release.namespace, name);
      const missing = [...wanted].filter((key) => !there.includes(key));
      if (there.length === 0)
        lacking.push(`${release.namespace}/${name} is not there${wanted.size > 0 ? `, with ${missing.join(', ')}` : ''}`);
      else if (missing.length > 0) lacking.push(`${release.namespace}/${name} has no ${missing.join(', ')}`);
    }
  }
  if (lacking.length === 0) return;
  const list = lacking.join('\n  ');
  if (session.configuration.cli.K8S_SECRETS === 'external') {
    throw new CommandError('not_found', `the cluster lacks Secrets that K8S_SECRETS=external leaves to somebody else:\n  ${list}`, {
      fix: 'make them as deploy/examples shows, and repeat this; "waybill config save -s K8S_SECRETS=generate" lets this command make them',
    });
  }
  throw new CommandError('not_found', `the cluster lacks Secrets that pods mount:\n  ${list}`, {
    fix: `write missing keys into ${secretsPath(session.context.root, session.environment)}, make other Secrets with kubectl, and repeat this`,
  });
}

/** Names only: the values stay in the cluster. */
async function keysIn({ tools }: Session, namespace: string, name: string): Promise<string[]> {
  const template = 'go-template={{range $key, $value := .data}}{{$key}} {{end}}';
  const { stdout } = await tools.read(
    'kubectl',
    ['get', 'secret', name, '--namespace', namespace, '--ignore-not-found', '--output', template],
    {
      repeated: true,
    },
  );
  return stdout.split(/\s+/).filter(Boolean);
}
