import { randomBytes } from 'node:crypto';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { Access } from './access.ts';
import { loginPage } from './login-page.ts';
import type { CodecServerSettings } from './settings.ts';

const open = { config: { permission: 'public' }, bodyLimit: 4_096 } as const;

/** The page that trades the API key for a cookie. As JSON, `POST /login { "key": … }` answers 204 with the cookie. */
export function loginRoutes({ settings, access }: { settings: CodecServerSettings; access: Access }): FastifyPluginAsync {
  return async (app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    });

    const show = (reply: FastifyReply, state: { expiresAt?: Date | undefined; problem?: string }): FastifyReply => {
      const nonce = randomBytes(16).toString('base64');
      return reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
          'referrer-policy': 'same-origin',
          'x-frame-options': 'DENY',
        })
        .send(loginPage({ ...state, nonce, codecUrl: settings.CODEC_URL.replace(/\/+$/, ''), uiUrl: settings.CODEC_ORIGINS[0] }));
    };

    app.get('/', open, async (_request, reply) => reply.redirect('/login', 303));
    app.get('/login', open, async (request, reply) => show(reply, { expiresAt: await access.sessionOf(request) }));

    app.post('/login', open, async (request, reply) => {
      const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
      try {
        reply.header('set-cookie', await access.logIn(request, keyOf(request.body)));
      } catch (error) {
        if (!isForm || !(error instanceof WaybillError)) throw error;
        if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter);
        return show(reply.code(error.code === 'rate_limited' ? 429 : 401), { problem: error.message });
      }
      return isForm ? reply.redirect('/login', 303) : reply.code(204).send();
    });

    app.post('/logout', open, async (_request, reply) => reply.header('set-cookie', access.logOut()).redirect('/login', 303));
  };
}

function keyOf(body: unknown): string {
  const key = typeof body === 'object' && body !== null && 'key' in body ? body.key : undefined;
  if (typeof key !== 'string' || key.trim() === '') throw invalidField('key', 'enter the API key');
  return key.trim();
}
