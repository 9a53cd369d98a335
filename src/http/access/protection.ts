/** What stands before a group of routes: how often one address may ask, and who may. Streams have none of it. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import { type Keyring, requireKey } from './api-keys.ts';
import { keepOutForeignPages } from './origin.ts';

/** Nothing but what the server itself has; no script in a page, and in nobody's frame. */
const CONTENT_SECURITY_POLICY = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'media-src': ["'self'", 'blob:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};

/** @param styles `inline` for a page that sets them itself. */
export async function harden(app: FastifyInstance, styles?: 'inline'): Promise<void> {
  const directives = {
    ...CONTENT_SECURITY_POLICY,
    ...(styles && { 'style-src': ["'self'", "'unsafe-inline'"] }),
  };
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives },
    // Whether a whole site has TLS is not for one service on it to say.
    strictTransportSecurity: false,
  });
}

/** Hardened; closed to pages of others; at most so many requests a minute from one address; and with a key, where there are keys. */
export async function protect(
  app: FastifyInstance,
  { perMinute, keyring, config }: { perMinute: number | null; keyring: Keyring; config: Config },
): Promise<void> {
  await harden(app);
  // Before requests are counted: a page of others must not use up what its visitor may ask for.
  keepOutForeignPages(app, { keyring, config });
  if (perMinute !== null) {
    await app.register(rateLimit, {
      global: false,
      max: perMinute,
      timeWindow: '1 minute',
      errorResponseBuilder: (_request, { ttl }) => errors.rateLimited(Math.max(1, Math.ceil(ttl / 1000))),
    });
    // Before the key is looked at: also whoever tries keys is limited.
    app.addHook('onRequest', app.rateLimit());
  }
  requireKey(app, keyring);
}
