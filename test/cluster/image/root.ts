import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { cache, debian, run } from './programs.ts';

const applets =
  'sh ash cat head tail date sleep tee awk timeout grep mkdir rm cp mv ls chmod id dirname basename env printf tr sed ps wc du touch test true false echo expr cut sort uniq find xargs hostname nc wget kill tar gzip gunzip';

/** The users of the official images, by the number that manifests name. */
const users = { postgres: 999, temporal: 1000, collector: 10001, nonroot: 65532, nobody: 65534 };

type LibraryOptions = {
  /** Where to look besides the usual places. */
  from?: string;
  /** A folder that comes along as a whole, and whose files find each other. */
  except?: string;
};

export type Root = {
  path: string;
  /** Puts a program at `target`, and its libraries. */
  program(source: string, target: string, options?: LibraryOptions): Promise<void>;
  /** Puts the shared libraries that a program or library needs where the loader finds them. */
  libraries(source: string, options?: LibraryOptions): Promise<void>;
  /** Puts a file or folder at `target`. */
  copy(source: string, target: string): Promise<void>;
  write(target: string, content: string, mode?: number): Promise<void>;
  folder(target: string, mode?: number): Promise<void>;
};

/** An empty image's files: users, /tmp, certificates and, unless it is told not to, a shell with the usual small programs (busybox). */
export async function createRoot(name: string, options: { shell: boolean }): Promise<Root> {
  const path = join(cache, 'roots', name);
  await rm(path, { recursive: true, force: true });
  const at = (target: string) => join(path, target);
  const root: Root = {
    path,
    async program(source, target, options) {
      await root.copy(source, target);
      await chmod(at(target), 0o755);
      await root.libraries(source, options);
    },
    async libraries(source, { from, except } = {}) {
      const listed = await run('ldd', [source], from ? { env: { LD_LIBRARY_PATH: from } } : {}).catch(() => ''); // static programs have none
      if (listed.includes('not found')) throw new Error(`${source} needs what this machine lacks:\n${listed}`);
      for (const [, library = ''] of listed.matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)) {
        if (except !== undefined && resolve(library).startsWith(except)) continue;
        await root.copy(library, /\/ld-linux[^/]*$/.test(library) ? library : `/usr/lib/${basename(library)}`); // programs name the loader by its path
      }
    },
    async copy(source, target) {
      await mkdir(dirname(at(target)), { recursive: true });
      // A link to what is not installed (Java's own sources, say) is left out.
      await cp(source, at(target), { recursive: true, dereference: true, filter: (path) => existsSync(path) });
    },
    async write(target, content, mode = 0o644) {
      await mkdir(dirname(at(target)), { recursive: true });
      await writeFile(at(target), content);
      await chmod(at(target), mode);
    },
    async folder(target, mode = 0o755) {
      await mkdir(at(target), { recursive: true });
      await chmod(at(target), mode);
    },
  };
  const entries = Object.entries(users);
  await root.write(
    '/etc/passwd',
    `root:x:0:0::/root:/bin/sh\n${entries.map(([user, id]) => `${user}:x:${id}:${id}::/tmp:/bin/sh\n`).join('')}`,
  );
  await root.write('/etc/group', `root:x:0:\n${entries.map(([user, id]) => `${user}:x:${id}:\n`).join('')}`);
  await root.write('/etc/nsswitch.conf', 'hosts: files dns\n');
  await root.copy('/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/certs/ca-certificates.crt').catch(() => undefined); // a machine may have none
  await root.folder('/tmp', 0o1777);
  await root.folder('/run', 0o755);
  await root.folder('/var', 0o755);
  await symlink('/run', at('/var/run'));
  if (!options.shell) return root;
  const busybox = join(await debian('busybox', ['busybox-static']), 'bin/busybox');
  await root.copy(busybox, '/bin/busybox');
  for (const applet of applets.split(' ')) await symlink('busybox', at(`/bin/${applet}`));
  return root;
}
