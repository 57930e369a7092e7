import type { Meter } from '@opentelemetry/api';
import { type KeyRing, openSettingsKeyRing } from '@waybill/kernel/encryption';
import { createHttp } from '@waybill/kernel/http';
import type { Logger } from '@waybill/kernel/log';
import { createReadiness } from '@waybill/kernel/readiness';
import type { FastifyInstance } from 'fastify';
import { createAccess } from './access.ts';
import { loginRoutes } from './login.ts';
import { allowOrigins } from './origins.ts';
import { createPayloadService, type PayloadsJson, PayloadsSchema } from './payloads.ts';
import { type CodecServerSettings, codecServerSettings } from './settings.ts';

export { type CodecServerSettings, codecServerSettings };

const maxBodyBytes = 16_777_216; // Temporal's own limit is 4 MiB a message; base64 and several events in one request make it more

/** The codec server as an application of its own; the caller makes it listen on CODEC_PORT. Shares the process's key ring if given. */
export async function createCodecServer(options: {
  settings: CodecServerSettings;
  log: Logger;
  meter: Meter;
  ring?: KeyRing;
}): Promise<FastifyInstance> {
  const { settings, log } = options;
  const ring = options.ring ?? openSettingsKeyRing(settings, log);
  const access = createAccess(settings);
  const payloads = createPayloadService(ring);
  const app = await createHttp({
    name: 'codec-server',
    log,
    meter: options.meter,
    authenticate: access.authenticate,
    readiness: createReadiness([]), // it needs nothing but its keys, and does not start without them
    limits: { bodyBytes: maxBodyBytes },
  });
  allowOrigins(app, settings);
  const route = { schema: { body: PayloadsSchema } };
  app.post<{ Body: PayloadsJson }>('/decode', { ...route, config: { permission: 'payloads:read' } }, ({ body }) => payloads.decode(body));
  app.post<{ Body: PayloadsJson }>('/encode', { ...route, config: { permission: 'payloads:write' } }, ({ body }) => payloads.encode(body));
  await app.register(loginRoutes({ settings, access }));
  return app;
}
