import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from './images/tag.ts';
import { createTestRoot, type Ran } from './testing.ts';

const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };

/** A root with a repository of its own, and a `docker` that writes down how it was called and makes the file it was asked for. */
function createCheckout(options: { dirty?: boolean; exitCode?: number } = {}) {
  const root = createTestRoot();
  const work = join(root.folder, 'work');
  mkdirSync(work);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', work, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { encoding: 'utf8' });
  git('init', '-q');
  git('commit', '-q', '--allow-empty', '-m', 'first');
  const commit = git('rev-parse', 'HEAD').trim();
  if (options.dirty) writeFileSync(join(work, 'file'), 'changed');
  const docker = join(root.folder, 'docker');
  const calls = join(root.folder, 'calls');
  writeFileSync(calls, '');
  writeFileSync(docker, `#!/bin/sh\necho "$*" >> ${calls}\necho 'it works on the image' >&2\nexit ${options.exitCode ?? 0}\n`);
  chmodSync(docker, 0o755);
  const env = { PATH: `${root.folder}:${process.env['PATH']}`, GIT_DIR: join(work, '.git'), GIT_WORK_TREE: work };
  const clean = (text: string) =>
    text
      .replaceAll(commit, '$COMMIT')
      .replaceAll(commit.slice(0, 12), '$SHORT')
      .replaceAll(checkout, '$CHECKOUT/')
      .replaceAll(`${version}-`, '$VERSION-')
      .replaceAll(`VERSION=${version}`, 'VERSION=$VERSION')
      .replaceAll(root.root, '$ROOT');
  return {
    async run(argv: readonly string[], more: Record<string, string> = {}): Promise<Ran> {
      const { code, out, err } = await root.run(argv, { env: { ...env, ...more } });
      return { code, out: clean(out), err: clean(err) };
    },
    calls: () => clean(readFileSync(calls, 'utf8')),
    [Symbol.dispose]: root[Symbol.dispose],
  };
}

describe('images', () => {
  test('the tag is the version and twelve characters of the commit, and says when there is more than the commit', async () => {
    using clean = createCheckout();
    expect((await clean.run(['images', 'printtag'])).out).toBe('$VERSION-$SHORT');
    using dirty = createCheckout({ dirty: true });
    expect((await dirty.run(['images', 'printtag'])).out).toBe('$VERSION-$SHORT-dirty');
    const { out } = await dirty.run(['images', 'printtag', '--json'], { IMAGE_REPOSITORY: 'registry.example.com/shop' });
    expect(JSON.parse(out)).toMatchObject({ image: 'registry.example.com/shop:$VERSION-$SHORT-dirty', commit: '$COMMIT', dirty: true });
  });

  test('a build shows its commands, runs them, and writes the bill of materials under the root', async () => {
    using checkout = createCheckout();
    const { code, out, err } = await checkout.run(['images', 'build']);
    expect(code).toBe(0);
    expect(out).toBe('waybill/waybill:$VERSION-$SHORT is built; its bill of materials: $ROOT/images/$VERSION-$SHORT/sbom.cdx.json');
    expect(err).toContain('it works on the image');
    expect(checkout.calls()).toMatchInlineSnapshot(`
      "buildx build --progress plain --file $CHECKOUT/Dockerfile --build-arg VERSION=$VERSION --build-arg REVISION=$COMMIT --tag waybill/waybill:$VERSION-$SHORT --load $CHECKOUT/
      buildx build --progress plain --file $CHECKOUT/Dockerfile --build-arg VERSION=$VERSION --build-arg REVISION=$COMMIT --target sbom --output type=local,dest=$ROOT/images/$VERSION-$SHORT $CHECKOUT/
      "
    `);
    for (const call of checkout.calls().trim().split('\n')) expect(err.replaceAll("'", '')).toContain(`$ docker ${call}`);
  });

  test('a push is for every platform', async () => {
    using checkout = createCheckout();
    const { code, out } = await checkout.run(['images', 'push'], {
      IMAGE_REPOSITORY: 'registry.example.com/shop',
      IMAGE_PLATFORMS: 'linux/arm64',
    });
    expect(code).toBe(0);
    expect(out).toContain('registry.example.com/shop:$VERSION-$SHORT is pushed for linux/arm64');
    expect(checkout.calls().split('\n')[0]).toMatchInlineSnapshot(
      `"buildx build --progress plain --file $CHECKOUT/Dockerfile --build-arg VERSION=$VERSION --build-arg REVISION=$COMMIT --platform linux/arm64 --tag registry.example.com/shop:$VERSION-$SHORT --provenance=mode=max --push $CHECKOUT/"`,
    );
  });

  test('what is in no commit is not pushed', async () => {
    using checkout = createCheckout({ dirty: true });
    const { code, err } = await checkout.run(['images', 'push']);
    expect(code).toBe(5);
    expect(err).toMatchInlineSnapshot(`
      "waybill: the checkout has changes that are in no commit, and $VERSION-$SHORT-dirty would name code that nobody else has
        how to fix: commit them or put them aside ("git status" lists them), then push again"
    `);
    expect(checkout.calls()).toBe('');
  });

  test('--dry-run shows the commands and runs none', async () => {
    using checkout = createCheckout();
    const { out, err } = await checkout.run(['--dry-run', 'images', 'build']);
    expect(out).toContain('would be built');
    expect(err).toContain('$ docker buildx build');
    expect(checkout.calls()).toBe('');
  });

  test('a build that fails, and a docker that is not there, are said with the way out', async () => {
    using failing = createCheckout({ exitCode: 3 });
    const failed = await failing.run(['images', 'build']);
    expect(failed.code).toBe(6);
    expect(failed.err).toContain('waybill: "docker buildx build" ended with 3\n  how to fix: its last lines above say why');
    const gone = await failing.run(['images', 'build'], { DOCKER: '/nowhere/docker' });
    expect(gone.err).toContain('waybill: /nowhere/docker cannot be run on this machine\n  how to fix: install Docker with buildx');
  });

  test('without a commit there is no name for an image', async () => {
    using checkout = createCheckout();
    const { code, err } = await checkout.run(['images', 'printtag'], { GIT_DIR: '/nowhere' });
    expect(code).toBe(6);
    expect(err).toContain('how to fix: install git, and run this from a clone of the repository that has a commit');
  });
});
