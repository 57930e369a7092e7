import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import { rolldown } from 'rolldown';
import { billOfMaterials } from './sbom.ts';
import { type Assets, collectAssets, repository } from './sources.ts';
import { productionSdk, sdkFile, workflowThread } from './temporal.ts';

/** Rust's names of what Node calls x64 and arm64, which are the folders of the SDK's native library. */
const targets: Record<string, string> = {
  x64: 'x86_64-unknown-linux-gnu',
  amd64: 'x86_64-unknown-linux-gnu', // Docker's name
  arm64: 'aarch64-unknown-linux-gnu',
};

/** Bundles the server into `folder` (dist), in one step: a failed build leaves the last one as it was. */
export async function build(options: { arch: string; folder?: string }): Promise<{ folder: string; bytes: number }> {
  const target = targets[options.arch];
  if (target === undefined) throw new Error(`there is no image for ${options.arch}: choose one of ${Object.keys(targets).join(', ')}`);
  const folder = resolve(options.folder ?? join(repository, 'dist'));
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(`${folder}.`);
  try {
    const { assets, modules } = await bundleServer(draft);
    for (const [name, path] of assets.workflows) await writeAt(join(draft, name), await workflowCode(path));
    for (const [name, path] of assets.files) await cp(path, join(draft, name), { recursive: true });
    const library = sdkFile(`@temporalio/core-bridge/releases/${target}/index.node`);
    const wasm = sdkFile('source-map/lib/mappings.wasm');
    await cp(library, join(draft, 'releases', target, 'index.node'));
    await cp(wasm, join(draft, 'mappings.wasm'));
    await writeAt(join(draft, 'sbom.cdx.json'), await billOfMaterials([...modules, library, wasm]));
    const { version, license } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')); // npm's own file
    await writeAt(join(draft, 'package.json'), `${JSON.stringify({ name: 'waybill', version, license, type: 'module' }, null, 2)}\n`);
    await cp(join(repository, 'LICENSE'), join(draft, 'LICENSE'));
    await chmod(draft, 0o755); // a temporary folder is closed to others
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return { folder, bytes: await sizeOf(folder) };
}

async function bundleServer(folder: string): Promise<{ assets: Assets; modules: string[] }> {
  const { assets, plugin } = collectAssets();
  const bundle = await rolldown({
    cwd: repository,
    input: { server: join(repository, 'apps/server/main.ts'), [workflowThread.name]: workflowThread.path },
    platform: 'node',
    external: ['pg-native', '@node-rs/crc32'], // both are optional, and their owners do without
    plugins: [productionSdk(), plugin],
    logLevel: 'warn',
  });
  try {
    const { output } = await bundle.write({
      dir: folder,
      format: 'esm',
      entryFileNames: '[name].js', // flat, as the paths that sources name are relative to any of these
      chunkFileNames: '[name]-[hash].js',
      // One character beyond Latin-1 and V8 keeps two bytes for every character of the file, for as long as the process runs.
      charset: 'ascii',
      // Names stay, so that a stack trace tells something.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
      banner: 'const __dirname=import.meta.dirname,__filename=import.meta.filename;',
    });
    return { assets, modules: output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : [])) };
  } finally {
    await bundle.close();
  }
}

/** The bundle of a workflow source with a map of its lines, but without the sources that the map repeats: they are most of it, and stay in memory. */
async function workflowCode(entry: string): Promise<string> {
  const { codePath } = await workflowBundle({ entry, cacheDir: join(repository, 'node_modules/.cache/waybill') });
  const [code = '', map = ''] = (await readFile(codePath, 'utf8')).split(
    '//# sourceMappingURL=data:application/json;charset=utf-8;base64,',
  );
  const { sourcesContent: _, ...lean } = JSON.parse(Buffer.from(map, 'base64').toString()); // a source map
  return `${code}//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(lean)).toString('base64')}`;
}

async function writeAt(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
