import swagger from '@fastify/swagger';
import { generateKey, openKeyRing } from '@waybill/kernel/encryption';
import { createHttp } from '@waybill/kernel/http';
import { silentLogger } from '@waybill/kernel/log';
import { createMetrics } from '@waybill/kernel/metrics';
import { createReadiness } from '@waybill/kernel/readiness';
import { ProblemSchema } from '@waybill/kernel/schemas';
import { createTemporal } from '@waybill/kernel/temporal-client';
import { createTokens } from '@waybill/kernel/tokens';
import { createCallsDirectory } from '@waybill/server/calls';
import { createModules } from '@waybill/server/modules';
import { allRoles } from '@waybill/server/roles';
import { loadServerSettings } from '@waybill/server/settings';
import root from '../../package.json' with { type: 'json' };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const description = `Orders, from placement to delivery.

Every request carries \`Authorization: Bearer KEY\`. Errors are problem documents (RFC 9457) with one entry per bad field. Lists are
pages: pass \`nextCursor\` as \`cursor\`. Amounts are whole numbers of the currency's minor unit, times are UTC.`;

/** The OpenAPI document of all public routes. They are registered as in a server, and nothing is connected to. */
export async function apiDocument(): Promise<JsonObject> {
  const key = generateKey();
  const environment: Record<string, string> = { ADMIN_API_KEY: 'none', SERVICE_TOKEN_KEYS: key.reveal(), ENCRYPTION_KEYS: key.reveal() };
  for (const name of ['CATALOG', 'INVENTORY', 'ORDERS', 'BILLING', 'SHIPPING']) {
    environment[`${name}_DATABASE_URL`] = 'postgres://127.0.0.1:1/none';
  }
  const settings = loadServerSettings(allRoles, { environment });
  const metrics = createMetrics();
  const temporal = createTemporal({ settings, ring: openKeyRing({ keys: key }) });
  const calls = createCallsDirectory({
    local: ['catalog', 'inventory', 'orders', 'billing', 'shipping'],
    settings,
    tokens: () => createTokens({ keys: key }),
    meter: metrics.meter,
    log: silentLogger,
  });
  const modules = createModules({ roles: allRoles, settings, log: silentLogger, meter: metrics.meter, temporal, calls, wakeRelay() {} });
  const app = await createHttp({
    name: 'document',
    log: silentLogger,
    meter: metrics.meter,
    authenticate: () => ({ id: 'nobody', roles: [], permissions: [] }),
    readiness: createReadiness([]),
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Waybill', version: root.version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: { ...schema, ...(route.config?.permission ? { 'x-permission': route.config.permission } : {}) } as typeof schema,
    }),
  });
  for (const { parts } of modules) if (parts.routes) await app.register(parts.routes);
  await app.ready();
  const document = JSON.parse(JSON.stringify(app.swagger())) as JsonObject; // swagger's own type is a union of versions
  await app.close();
  await Promise.all(modules.map(({ database }) => database.close()));
  await temporal.close();
  await metrics.close();
  return finish(document);
}

/** Names operations, adds what every route answers, and lifts titled schemas into components. */
function finish(document: JsonObject): JsonObject {
  const paths = document['paths'] as Record<string, Record<string, JsonObject>>;
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (!operation['summary'] || !operation['tags']) throw new Error(`${method.toUpperCase()} ${path} needs a summary and tags`);
      operation['operationId'] ??= operationId(method, path);
      operation['responses'] = { ...(operation['responses'] as JsonObject), default: { $ref: '#/components/responses/Problem' } };
    }
  }
  const schemas: JsonObject = {};
  const lifted = lift(paths as unknown as Json, schemas);
  const problem = lift(JSON.parse(JSON.stringify(ProblemSchema)) as Json, schemas);
  const components = document['components'] as JsonObject;
  return {
    ...document,
    paths: lifted,
    components: {
      ...components,
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Problem: { description: 'Anything that did not work', content: { 'application/problem+json': { schema: problem } } },
      },
    },
  };
}

/** `POST /v1/orders/{id}/cancel` becomes `postOrdersIdCancel`. */
function operationId(method: string, path: string): string {
  const words = path
    .replace(/^\/v1\//, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** A schema with a title becomes a component of that name. */
function lift(value: Json, schemas: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => lift(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lift(item, schemas)]));
  mapVariants(inner, schemas);
  const { title, type } = inner;
  if (typeof title !== 'string' || !/^[A-Z][A-Za-z]+$/.test(title)) return inner;
  if (!('type' in inner || 'oneOf' in inner || 'anyOf' in inner)) return inner;
  const nullable = Array.isArray(type) && type.includes('null');
  const { title: _title, ...rest } = inner;
  const component: JsonObject = nullable ? { ...rest, type: type.filter((name) => name !== 'null')[0] ?? 'object' } : rest;
  if (nullable && Array.isArray(component['enum'])) component['enum'] = component['enum'].filter((item) => item !== null);
  const known = schemas[title];
  if (known && JSON.stringify(known) !== JSON.stringify(component)) return inner; // another thing of that name stays where it is
  schemas[title] = component;
  const reference = { $ref: `#/components/schemas/${title}` };
  return nullable ? { anyOf: [reference, { type: 'null' }] } : reference;
}

/** Without a mapping a discriminator's values are the names of the components, and ours are words of the wire: `ship`, not `Ship`. */
function mapVariants(schema: JsonObject, schemas: JsonObject): void {
  const { discriminator, oneOf } = schema;
  const by = (discriminator as JsonObject | undefined)?.['propertyName'];
  if (typeof by !== 'string' || !Array.isArray(oneOf)) return;
  const mapping = oneOf.flatMap((variant) => {
    const reference = (variant as JsonObject)['$ref'];
    if (typeof reference !== 'string') return [];
    const component = schemas[reference.split('/').at(-1) ?? ''] as { properties?: Record<string, JsonObject> } | undefined;
    const property = component?.properties?.[by];
    const [word] = (property?.['enum'] as Json[] | undefined) ?? [property?.['const']]; // the generator writes a constant as either
    return typeof word === 'string' ? [[word, reference] as const] : [];
  });
  schema['discriminator'] = { propertyName: by, mapping: Object.fromEntries(mapping) };
}
