/** Protects groups of routes: security headers, origin check, rate limit, API key. Streams have none of these. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import { type Keyring, requireKey } from './api-keys.ts';
import { keepOutForeignPages } from './origin.ts';

/** Allows only resources of the server itself, no inline scripts, and no embedding in frames. */
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

/**
 * Adds security headers to a scope.
 *
 * @param options.styles `inline` for a page with inline styles.
 * @param options.streamsFrom another origin of which a page may play streams.
 */
export async function harden(
  app: FastifyInstance,
  { styles, streamsFrom }: { styles?: 'inline'; streamsFrom?: string | undefined } = {},
): Promise<void> {
  const directives = {
    ...CONTENT_SECURITY_POLICY,
    ...(styles && { 'style-src': ["'self'", "'unsafe-inline'"] }),
    ...(streamsFrom !== undefined && {
      'media-src': [...CONTENT_SECURITY_POLICY['media-src'], streamsFrom],
      'connect-src': [...CONTENT_SECURITY_POLICY['connect-src'], streamsFrom],
    }),
  };
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives },
    // HSTS applies to the whole host, which one service on it must not decide.
    strictTransportSecurity: false,
  });
}

/** Protects a scope: security headers, no pages of other sites, a rate limit per address, and API keys if there are any. */
export async function protect(
  app: FastifyInstance,
  { perMinute, keyring, config }: { perMinute: number | null; keyring: Keyring; config: Config },
): Promise<void> {
  await harden(app);
  // Before the rate limit: a page of another site must not use up the limit of its visitor.
  keepOutForeignPages(app, { keyring, config });
  if (perMinute !== null) {
    await app.register(rateLimit, {
      global: false,
      max: perMinute,
      timeWindow: '1 minute',
      errorResponseBuilder: (_request, { ttl }) => errors.rateLimited(Math.max(1, Math.ceil(ttl / 1000))),
    });
    // Before the key is checked, so that guessing keys is limited as well.
    app.addHook('onRequest', app.rateLimit());
  }
  requireKey(app, keyring);
}
