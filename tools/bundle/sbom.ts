import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { repository } from './sources.ts';

type Locked = { version?: string; integrity?: string; license?: string; link?: boolean };

/**
 * What dist is made of, as CycloneDX 1.6: the packages whose modules were bundled or copied, with the versions, licences and checksums
 * of the lock file, and Node, which the image adds. The same sources give the same text.
 */
export async function billOfMaterials(modules: readonly string[]): Promise<string> {
  const lock = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }; // npm's own file
  const { version, license } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')); // npm's own file
  const paths = new Set(modules.flatMap((id) => packagePath(id, lock.packages) ?? []));
  paths.add('node_modules/node');
  const components = [...paths].sort().map((path) => component(path, lock.packages[path] ?? {}));
  const root = { type: 'application', 'bom-ref': `waybill@${version}`, name: 'waybill', version, licenses: [{ license: { id: license } }] };
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([root, components]))}`,
    version: 1,
    metadata: { component: root },
    components,
    dependencies: [{ ref: root['bom-ref'], dependsOn: components.map((part) => part['bom-ref']) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The lock file's path of the package that a module belongs to; nothing for our own and for the bundler's helpers. */
function packagePath(id: string, packages: Record<string, Locked>): string | undefined {
  const file = id.replace(/^\0/, '').split('?')[0] ?? '';
  if (!file.startsWith(repository)) return undefined;
  const path = file.slice(repository.length).split(sep).join('/');
  const [found] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path) ?? [];
  if (found === undefined) return undefined;
  if (packages[found] === undefined) throw new Error(`${path} was bundled, but ${found} is not in package-lock.json: run "npm install"`);
  return found;
}

function component(path: string, { version = '', integrity, license }: Locked) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [algorithm, checksum = ''] = integrity?.split('-') ?? [];
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license ? { licenses: [/ (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }] } : {}),
    ...(algorithm === 'sha512' ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(checksum, 'base64').toString('hex') }] } : {}),
  };
}

/** A name-based UUID: the same content is the same document. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
