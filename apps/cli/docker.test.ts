import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@waybill/embedded/ports';
import { describe, expect, test } from 'vitest';
import { createTestRoot } from './testing.ts';

/** The first words of a call, and what `docker` then does: shell code. Others succeed in silence. */
type Answers = Readonly<Record<string, string>>;

const services = ['postgres', 'temporal', 'temporal-ui', 'waybill', 'caddy'];
const jobs = ['secrets', 'temporal-databases', 'temporal-schema', 'temporal-namespaces', 'migrate'];
const row = (Service: string, State: string, Health = '', ExitCode = 0) => JSON.stringify({ Service, State, Health, ExitCode });
const allRun = [...services.map((name) => row(name, 'running', 'healthy')), ...jobs.map((name) => row(name, 'exited'))];
const says = (text: string) => `cat <<'END'\n${text}\nEND`;
const fails = (text: string, code = 1) => `cat >&2 <<'END'\n${text}\nEND\nexit ${code}`;

/** A root folder with a `docker` of its own, which writes down how it is called. */
async function createServerRoot(answers: Answers = {}) {
  const [PORT, CODEC_PORT, LOCAL_TEMPORAL_UI_PORT] = [await freePort(), await freePort(), await freePort()].map(String) as [
    string,
    string,
    string,
  ];
  const bin = createTestRoot();
  const test = createTestRoot({
    PATH: `${bin.folder}:${process.env['PATH']}`,
    ...{ PORT, CODEC_PORT, LOCAL_TEMPORAL_UI_PORT },
    LOCAL_IMAGE: 'registry.example/waybill:0.1.0-0123456789ab',
  });
  const calls = join(bin.folder, 'calls');
  const compose = join(test.root, 'docker', 'compose.yaml');
  const answer = (given: Answers) => {
    const all = {
      'compose version': says('2.36.2'),
      '--version': says('Docker version 28.2.2, build e6534b4'),
      'volume inspect': fails('no such volume'),
      ...given,
    };
    const cases = Object.entries(all).map(([words, script]) => `'${words}'*)\n${script}\n;;`);
    const script = `#!/bin/sh\ncall=$(echo "$*" | sed 's# --file ${compose}##')\necho "$call" >> ${calls}\ncase $call in\n${cases.join('\n')}\nesac\n`;
    writeFileSync(join(bin.folder, 'docker'), script);
    chmodSync(join(bin.folder, 'docker'), 0o755);
  };
  writeFileSync(calls, '');
  answer(answers);
  const clean = (text: string) =>
    text
      .replaceAll(PORT, 'PORT')
      .replaceAll(CODEC_PORT, 'CODEC')
      .replaceAll(LOCAL_TEMPORAL_UI_PORT, 'UI')
      .replaceAll(/waybill-[0-9a-f]{8}/g, 'waybill-ID');
  return {
    ...test,
    port: Number(PORT),
    answer,
    async run(argv: readonly string[], env: Record<string, string> = {}) {
      const { code, out, err } = await test.run(argv, { env });
      return { code, out: clean(out), err: clean(err) };
    },
    calls: () => clean(readFileSync(calls, 'utf8')).trim().split('\n'),
    [Symbol.dispose]() {
      test[Symbol.dispose]();
      bin[Symbol.dispose]();
    },
  };
}

describe('local start --docker', () => {
  test('renders, starts, and says where everything is; no argument holds a secret', async () => {
    using root = await createServerRoot();
    const { code, out, err } = await root.run(['local', 'start', '--docker']);
    expect(out).toMatchInlineSnapshot(`
      "secrets generated into $ROOT/secrets.yml; keep a copy: without it the data cannot be read
      rendered into $ROOT/docker/compose.yaml

        API          http://127.0.0.1:PORT
        API docs     http://127.0.0.1:PORT/docs
        Temporal UI  http://localhost:UI, on this machine only
        to read what is in it, log in with the key at http://localhost:CODEC/login
        the key      waybill -r $ROOT config printvalue ADMIN_API_KEY

      http://127.0.0.1:PORT does not answer here yet ("waybill -r $ROOT local logs caddy")
      it runs in the background, also after a reboot; stop it with "waybill -r $ROOT local stop""
    `);
    expect(err).toMatchInlineSnapshot(`
      "$ docker --version
      $ docker compose version --short
      $ docker version --format '{{.Server.Version}}'
      $ docker image inspect --format '{{.Id}}' registry.example/waybill:0.1.0-0123456789ab
      $ docker volume inspect --format '{{.Name}}' waybill-ID_postgres
      LOCAL_DOCKER = true (in $ROOT/config.yml)
      $ docker compose --file $ROOT/docker/compose.yaml up --detach --wait --wait-timeout 600 --remove-orphans"
    `);
    expect(code).toBe(0);
    const secrets = readFileSync(join(root.root, 'secrets.yml'), 'utf8').matchAll(/^[A-Z_]+: (\S{20,})$/gm);
    for (const [, secret = ''] of secrets) expect(`${out}${err}${root.calls().join()}`).not.toContain(secret);
    expect(readFileSync(join(root.root, 'config.yml'), 'utf8')).toContain('LOCAL_DOCKER: ');
  });

  test('is remembered, with its image: status, logs, stop, restart and do go to the containers', async () => {
    using root = await createServerRoot({ 'compose ps': says(allRun.join('\n')) });
    await root.run(['local', 'start', '--docker', '--image', 'registry.example/waybill:2'], { LOCAL_IMAGE: '' });
    expect(await root.run(['local', 'status'], { LOCAL_IMAGE: '' })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^running and ready\n/),
    });
    expect(await root.run(['local', 'do', 'seed'], { LOCAL_IMAGE: '' })).toMatchObject({ code: 0, out: 'the demo catalogue is there' });
    expect(await root.run(['local', 'logs', 'waybill', '-n', '7'], { LOCAL_IMAGE: '' })).toMatchObject({ code: 0 });
    const restarted = await root.run(['local', 'restart', '--json'], { LOCAL_IMAGE: '' });
    expect(JSON.parse(restarted.out)).toMatchObject({ running: true, image: 'registry.example/waybill:2' });
    expect(await root.run(['local', 'stop'], { LOCAL_IMAGE: '' })).toMatchObject({ code: 0 });
    const calls = root.calls().filter((call) => /^compose (up|run|logs|stop)|^image/.test(call));
    expect(calls).toMatchInlineSnapshot(`
      [
        "image inspect --format {{.Id}} registry.example/waybill:2",
        "compose up --detach --wait --wait-timeout 600 --remove-orphans",
        "compose run --rm --no-TTY migrate seed",
        "compose logs --tail 7 waybill",
        "compose stop",
        "image inspect --format {{.Id}} registry.example/waybill:2",
        "compose run --rm --no-TTY migrate migrate",
        "compose up --detach --wait --wait-timeout 600 --remove-orphans",
        "compose stop",
      ]
    `);
  });

  test('migrates before it exchanges what runs: when that fails, the old version goes on', async () => {
    using root = await createServerRoot({
      'compose ps': says(allRun.join('\n')),
      'compose run --rm --no-TTY migrate migrate': fails('{"level":"error","msg":"orders is at 9, and this version knows 8"}'),
    });
    await root.run(['local', 'render']);
    const { code, err } = await root.run(['local', 'start', '--docker']);
    expect(code).toBe(6);
    expect(err).toContain('orders is at 9, and this version knows 8');
    expect(root.calls().filter((call) => call.startsWith('compose up'))).toEqual([]);
  });

  test('fetches an image only when somebody named where from', async () => {
    using root = await createServerRoot({ 'image inspect': fails('Error: No such image'), pull: fails('pull access denied') });
    const named = await root.run(['local', 'start', '--docker']);
    expect(named.code).toBe(4);
    expect(named.err).toContain(
      'waybill: the image registry.example/waybill:0.1.0-0123456789ab is not on this machine, and cannot be fetched: pull access denied\n' +
        '  how to fix: build it with "waybill images build", log in with "docker login", or name another: --image REPOSITORY:TAG',
    );
    const unnamed = await root.run(['local', 'start', '--docker'], { LOCAL_IMAGE: '' });
    expect(unnamed.err).toMatch(
      /the image waybill\/waybill:\S+ is not on this machine\n {2}how to fix: build it with "waybill images build", or /,
    );
    expect(root.calls().filter((call) => call.startsWith('pull'))).toHaveLength(1);
  });

  const sentences: readonly (readonly [string, Answers, string])[] = [
    [
      'no compose plugin',
      { 'compose version': fails("docker: 'compose' is not a docker command.") },
      'waybill: Docker has no plugin "compose" here\n  how to fix: install docker-compose-plugin 2.20 or newer (https://docs.docker.com/compose/install/linux)',
    ],
    [
      'an old compose plugin',
      { 'compose version': says('2.12.0') },
      'waybill: Docker Compose 2.12.0 is too old; 2.20 is needed\n  how to fix: install',
    ],
    [
      'no daemon',
      { 'version --format': fails('Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?') },
      'waybill: the Docker daemon does not run\n  how to fix: start it with "sudo systemctl enable --now docker", or open Docker Desktop',
    ],
    [
      'a daemon of others',
      { 'version --format': fails('permission denied while trying to connect to the Docker daemon socket') },
      'waybill: you may not use the Docker daemon of this machine\n  how to fix: run this as root, or join its group',
    ],
    [
      'a port that is taken meanwhile',
      { 'compose up': fails('Error response from daemon: Bind for 0.0.0.0:443 failed: port is already allocated') },
      'waybill: port 443 is taken by another program\n  how to fix: stop what uses it ("ss -ltnp" names it), and repeat this',
    ],
    [
      'a container that does not work',
      {
        'compose up': fails('dependency failed to start: container waybill-0a1b2c3d-temporal-ui-1 is unhealthy'),
        'compose logs': says('config file corrupted'),
      },
      'waybill: temporal-ui does not work: config file corrupted\n  how to fix: "waybill -r $ROOT local logs temporal-ui" shows more',
    ],
    [
      'a job that failed',
      {
        'compose up': fails(`service "migrate" didn't complete successfully: exit 1`),
        'compose logs': says('the databases are of a newer version'),
      },
      'waybill: migrate does not work: the databases are of a newer version\n',
    ],
    [
      'a registry out of reach',
      {
        'compose up': fails('failed to resolve reference "docker.io/library/caddy:2": dial tcp: lookup registry-1.docker.io: no such host'),
      },
      'waybill: an image cannot be fetched: failed to resolve reference',
    ],
  ];
  test.each(sentences)('%s is one sentence that says what to do', async (_, answers, sentence) => {
    using root = await createServerRoot(answers);
    const { code, err } = await root.run(['local', 'start', '--docker']);
    expect(code).toBeGreaterThan(0);
    expect(err).toContain(sentence);
  });

  test('no docker at all is one too', async () => {
    using root = await createServerRoot();
    const { code, err } = await root.run(['local', 'start', '--docker'], { DOCKER: join(root.folder, 'nothing') });
    expect(code).toBe(4);
    expect(err).toContain('nothing was not found on this machine');
  });

  test('a taken port is named with its setting, unless our own container holds it', async () => {
    using root = await createServerRoot({ 'compose ps': says(allRun.join('\n')) });
    const squatter = createTcpServer().listen(root.port, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const refused = await root.run(['local', 'start', '--docker']);
    expect(refused.err).toContain(
      'waybill: port PORT (PORT) is taken by another program\n  how to fix: stop what uses it, or choose another: waybill config save -s PORT=NUMBER',
    );
    expect(statSync(join(root.root, 'docker'), { throwIfNoEntry: false })).toBeUndefined();
    await root.run(['local', 'render']);
    expect((await root.run(['local', 'start', '--docker'])).code).toBe(0);
    squatter.close();
  });

  test('is refused where the data of an installation without Docker is, and beside servers of your own', async () => {
    using root = await createServerRoot();
    const { err } = await root.run(['local', 'start', '--docker'], { DATABASE_URL: 'postgres://elsewhere/x' });
    expect(err).toContain('waybill: DATABASE_URL is set, but the containers bring PostgreSQL and Temporal of their own');
    mkdirSync(join(root.root, 'data', 'postgres'), { recursive: true });
    expect((await root.run(['local', 'start', '--docker'])).err).toContain('is the data of an installation without Docker');
  });

  test('is refused when the secrets are lost and the volumes are not', async () => {
    using root = await createServerRoot({ 'volume inspect': says('waybill-ID_postgres') });
    const { code, err } = await root.run(['local', 'start', '--docker']);
    expect(code).toBe(5);
    expect(err).toContain('waybill: $ROOT/secrets.yml is gone, but the volume waybill-ID_postgres holds data that needs it');
  });

  test('with --dry-run only looks, and shows what it would call', async () => {
    using root = await createServerRoot();
    const { code, err } = await root.run(['--dry-run', 'local', 'start', '--docker']);
    expect(code).toBe(0);
    expect(err).toContain('$ docker compose --file $ROOT/docker/compose.yaml up --detach --wait');
    expect(root.calls().filter((call) => call.startsWith('compose up'))).toEqual([]);
    expect(statSync(root.root, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('an installation in Docker', () => {
  test('says what is not ready, and that it answers when it does', async () => {
    using root = await createServerRoot();
    await root.run(['local', 'start', '--docker']);
    root.answer({ 'compose ps': says([...allRun.slice(1), row('postgres', 'restarting', 'unhealthy')].join('\n')) });
    const broken = await root.run(['local', 'status']);
    expect(broken).toMatchObject({ code: 6, out: expect.stringMatching(/^not ready: postgres is restarting\n/) });
    const server = createServer((_, answer) => answer.end('{}')).listen(root.port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    root.answer({ 'compose ps': says(`[${allRun.join(',')}]`) });
    const { code, out } = await root.run(['local', 'status', '--json']);
    server.close();
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ running: true, ready: true, reachable: true, api: 'http://127.0.0.1:PORT' });
  });

  test('has no quickstart and no backup of its own, and an unknown container is named', async () => {
    using root = await createServerRoot();
    const inDocker = { LOCAL_DOCKER: 'true' }; // a quickstart that is not refused would run for good, so nothing else has to work first
    expect((await root.run(['local', 'quickstart'], inDocker)).err).toContain('$ROOT runs in Docker, where there is no quickstart');
    expect((await root.run(['backup'], inDocker)).err).toContain('docs/single-server.md');
    expect((await root.run(['local', 'logs', 'postgre'], inDocker)).err).toContain(
      'there is no container "postgre"; did you mean postgres?',
    );
  });

  test('replays running orders with the image of the next start', async () => {
    using root = await createServerRoot({ 'compose run': 'exit 5' });
    await root.run(['local', 'start', '--docker']);
    expect(await root.run(['upgrade', '--check', '--sample', '7'], { LOCAL_IMAGE: 'registry.example/waybill:2' })).toMatchObject({
      code: 5,
    });
    expect(root.calls().at(-1)).toBe('compose run --rm --no-TTY --no-deps waybill check-upgrade --sample 7');
    expect(readFileSync(join(root.root, 'docker', 'compose.yaml'), 'utf8')).toContain('image: registry.example/waybill:2');
  });

  test('that was never started is said', async () => {
    using root = await createServerRoot();
    const { code, err } = await root.run(['local', 'stop'], { LOCAL_DOCKER: 'true' });
    expect(code).toBe(4);
    expect(err).toContain('there are no containers of $ROOT yet\n  how to fix: make them with "waybill -r $ROOT local start --docker"');
  });
});
