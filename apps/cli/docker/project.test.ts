import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { components, entrance, platformOf } from '../../../deploy/budgets.ts';
import { loadConfiguration } from '../configuration.ts';
import { rootAt } from '../root.ts';
import { generateSecrets, readSecrets } from '../secrets.ts';
import { createTestRoot } from '../testing.ts';
import { composeFile, createProject, type Project } from './project.ts';
import { writeProject } from './render.ts';
import { consumerNames, consumers } from './secret-files.ts';
import type { Mount } from './service.ts';

const image = 'waybill/waybill:0.1.0-0123456789ab';

/** A project in a root folder of the test's own. */
function render(config: Record<string, string | number | boolean> = {}) {
  const test = createTestRoot();
  const root = rootAt({ flag: test.root, env: {}, cwd: test.folder });
  mkdirSync(root.path, { recursive: true });
  writeFileSync(root.config, JSON.stringify({ LOCAL_DOCKER: true, ...config }));
  const configuration = loadConfiguration(root, {});
  return { root, configuration, project: createProject(root, configuration, image), [Symbol.dispose]: test[Symbol.dispose] };
}

const mountsOf = (project: Project): Mount[] => Object.values(project.services).flatMap(({ volumes = [] }) => volumes);

describe('the containers of a single server', () => {
  test('publish nothing to the outside but Caddy; what people on this machine use is on the loopback address', () => {
    using rendered = render({ HOST: 'shop.example.com' });
    const published = Object.entries(rendered.project.services).flatMap(([name, { ports = [] }]) =>
      ports.map(({ host_ip, published, target, protocol }) => `${name} ${host_ip ?? '*'}:${published} → ${target}/${protocol}`),
    );
    expect(published).toMatchInlineSnapshot(`
      [
        "temporal-ui 127.0.0.1:8233 → 8080/tcp",
        "waybill 127.0.0.1:8089 → 8089/tcp",
        "caddy *:80 → 8080/tcp",
        "caddy *:443 → 8443/tcp",
        "caddy *:443 → 8443/udp",
      ]
    `);
  });

  test('with an address for HOST publish plain HTTP there, at PORT', () => {
    for (const [HOST, address] of [
      ['127.0.0.1', '127.0.0.1'],
      ['localhost', '127.0.0.1'],
      ['0.0.0.0', '0.0.0.0'],
      ['192.0.2.7', '192.0.2.7'],
    ] as const) {
      using rendered = render({ HOST, PORT: 3100 });
      const { caddy } = rendered.project.services;
      expect(caddy?.ports).toEqual([{ target: 8080, published: '3100', host_ip: address, protocol: 'tcp' }]);
      expect(rendered.project.files['caddy/Caddyfile']).toContain('auto_https off');
      expect(rendered.configuration.apiUrl).toBe(`http://${HOST === '0.0.0.0' ? '127.0.0.1' : HOST}:3100`);
    }
  });

  test('with a public name for HOST answer there, over TLS', () => {
    using rendered = render({ HOST: 'shop.example.com' });
    expect(rendered.configuration.apiUrl).toBe('https://shop.example.com');
    expect(rendered.project.files['caddy/Caddyfile']).toMatchInlineSnapshot(`
      "{
      	admin off
      	persist_config off
      	http_port 8080
      	https_port 8443
      }
      http://:8081 {
      	respond /healthz 200
      }
      shop.example.com {
      	encode
      	reverse_proxy waybill:3000 {
      		# Event streams go out as they come.
      		flush_interval -1
      	}
      }
      "
    `);
  });

  test('a HOST that no certificate can be had for is refused', () => {
    for (const HOST of ['shop', 'shop.example.com:443', 'shop example.com', 'a.b {']) expect(() => render({ HOST })).toThrow(/^HOST is /);
  });

  test('are made of the images of the charts, and of Waybill’s own, which is never fetched by itself', () => {
    using rendered = render();
    const images = new Set(Object.values(rendered.project.services).map((service) => service.image));
    expect([...images].toSorted()).toMatchInlineSnapshot(`
      [
        "caddy:2",
        "postgres:18",
        "temporalio/admin-tools:1.31.2",
        "temporalio/server:1.31.2",
        "temporalio/ui:2.54.1",
        "waybill/waybill:0.1.0-0123456789ab",
      ]
    `);
    for (const service of Object.values(rendered.project.services)) expect(service.pull_policy === 'never').toBe(service.image === image);
  });

  test('have a health check and come back after a reboot; the others are jobs, each awaited by somebody, as "up --wait" needs it', () => {
    using rendered = render();
    const { services } = rendered.project;
    const awaited = new Set(
      Object.values(services).flatMap(({ depends_on = {} }) =>
        Object.entries(depends_on).flatMap(([name, { condition }]) => (condition === 'service_completed_successfully' ? [name] : [])),
      ),
    );
    for (const [name, { restart, healthcheck }] of Object.entries(services)) {
      if (restart === 'no') expect(awaited, name).toContain(name);
      else {
        expect(healthcheck, name).toBeDefined();
        expect(awaited, name).not.toContain(name);
      }
    }
    expect([...awaited].toSorted()).toEqual(['migrate', 'secrets', 'temporal-databases', 'temporal-namespaces', 'temporal-schema']);
    for (const { depends_on = {} } of Object.values(services))
      expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(depends_on)));
  });

  test('hold nothing they do not need', () => {
    using rendered = render();
    for (const [name, service] of Object.entries(rendered.project.services)) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      const added = { secrets: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'], caddy: ['NET_BIND_SERVICE'] } as Record<string, string[]>;
      expect(service.cap_add ?? [], name).toEqual(added[name] ?? []);
      if (!['secrets', 'caddy', 'migrate', 'waybill'].includes(name)) expect(service.user, name).toMatch(/^[1-9]\d*:/);
    }
    expect(rendered.project.services['caddy']?.networks).toEqual(['front']);
    for (const name of ['postgres', 'temporal']) expect(rendered.project.services[name]?.networks, name).toEqual(['back']);
  });

  test('have the memory that was measured', () => {
    using rendered = render();
    const { services } = rendered.project;
    const platform = platformOf('compact', 'alone');
    for (const name of ['temporal', 'temporal-ui']) expect(services[name]?.mem_limit).toBe(`${platform[name]?.memoryMi}m`);
    expect(services['postgres']?.mem_limit).toBe(`${platform['postgresql']?.memoryMi}m`);
    expect(services['caddy']?.mem_limit).toBe(`${entrance.memoryMi}m`);
    for (const [service, pool] of Object.entries(components.compact['worker']?.pools ?? {})) {
      expect(services['waybill']?.environment).toMatchObject({ [`${service.toUpperCase()}_DATABASE_POOL`]: String(pool) });
    }
  });

  test('take over what config.yml says to servers, and not what is decided here', () => {
    using rendered = render({ CARRIER: 'simulated', ORDERS_DATABASE_POOL: 6, CODEC_PORT: 8100, TEMPORAL_NAMESPACE: 'shop', TAX_RATE: 700 });
    expect(rendered.project.services['waybill']?.environment).toMatchObject({
      CARRIER: 'simulated',
      TAX_RATE: '700',
      ORDERS_DATABASE_POOL: '6',
      HOST: '0.0.0.0',
      CODEC_PORT: '8089',
      CODEC_URL: 'http://localhost:8100',
      TEMPORAL_NAMESPACE: 'shop',
    });
    expect(rendered.project.files['namespaces/namespaces']).toBe('shop 72h\n');
  });

  test('share no volume with those of another root folder', () => {
    using one = render();
    using other = render();
    expect(one.project.name).toMatch(/^waybill-[0-9a-f]{8}$/);
    expect(one.project.name).not.toBe(other.project.name);
  });
});

describe('what is written', () => {
  test('holds each secret in files of mode 600 for those who read it, and nowhere else', () => {
    using rendered = render({ HOST: 'shop.example.com' });
    const { root, project } = rendered;
    generateSecrets(root, 'docker');
    const paths = writeProject(root, project);
    const secrets = Object.values(readSecrets(root, 'prod'));
    expect(secrets.length).toBeGreaterThan(8);
    const texts = [composeFile(project), ...Object.values(project.files)].join('\n');
    for (const secret of secrets) expect(texts).not.toContain(secret);
    for (const path of paths) {
      const isSecret = path.startsWith(join(root.path, 'docker', 'secrets'));
      expect(statSync(path).mode & 0o777, path).toBe(isSecret ? 0o600 : 0o644);
    }
    expect(statSync(join(root.path, 'docker', 'secrets')).mode & 0o777).toBe(0o700);
    const written = paths.filter((path) => path.includes('/secrets/')).map((path) => path.split('/secrets/')[1]);
    expect(written).toEqual(consumerNames.flatMap((name) => consumers[name].keys.map((key) => `${name}/${key}`)));
  });

  test('is the same a second time, and what is not rendered goes', () => {
    using rendered = render();
    const { root, project } = rendered;
    generateSecrets(root, 'docker');
    const first = writeProject(root, project);
    writeFileSync(join(root.path, 'docker', 'secrets', 'waybill', 'OLD'), 'old');
    expect(writeProject(root, project)).toEqual(first);
    expect(statSync(join(root.path, 'docker', 'secrets', 'waybill', 'OLD'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('names only folders and volumes that are there, and variables of nobody', () => {
    using rendered = render({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/$TEAM' });
    const { project } = rendered;
    const text = composeFile(project);
    const { volumes } = parse(text) as { volumes: Record<string, unknown> };
    for (const mount of mountsOf(project)) {
      if (mount.type === 'volume') expect(Object.keys(volumes)).toContain(mount.source);
      else if (mount.source !== './secrets') {
        expect(
          Object.keys(project.files).some((path) => `./${path}`.startsWith(`${mount.source}/`)),
          mount.source,
        ).toBe(true);
      }
    }
    expect(text).toContain('http://collector:4318/$$TEAM');
  });
});
