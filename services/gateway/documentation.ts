import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify';

/** Only what the page itself brings: it must work, and tell nobody, on a machine without a way out. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** The page is 4 MB of script that few processes are ever asked for, so it is loaded when someone asks. */
async function openPage(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const page = Fastify();
  page.addHook('onRequest', async (_request, reply) => {
    reply.header('content-security-policy', contentSecurityPolicy);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
  });
  await page.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Waybill API',
      telemetry: false,
      withDefaultFonts: false,
      proxyUrl: '',
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  });
  await page.ready();
  return page;
}

/** `/openapi.json` and a page to read it by, `/docs`. `document` is the OpenAPI document as JSON text. */
export function documentationRoutes(document: string): FastifyPluginAsync {
  return async (app) => {
    let page: Promise<FastifyInstance> | undefined;
    const loadPage = (): Promise<FastifyInstance> => {
      page ??= openPage().catch((error: unknown) => {
        page = undefined; // the next one to ask tries again
        throw error;
      });
      return page;
    };
    const open = { config: { permission: 'public' }, schema: { hide: true } } as const;
    app.get('/openapi.json', open, async (_request, reply) => reply.type('application/json').send(document));
    for (const url of ['/docs', '/docs/*']) {
      app.get(url, open, async (request, reply) => {
        const { routing } = await loadPage();
        reply.hijack();
        routing(request.raw, reply.raw);
      });
    }
    app.addHook('onClose', async () => (await page?.catch(() => undefined))?.close()); // who asked was told why
  };
}
