/** Protects the API with keys, which clients send as bearer tokens (RFC 6750 section 2.1). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';

export interface Keyring {
  /** True if the server needs API keys. */
  readonly isLocked: boolean;
  /** Returns the name of the API key of a request, or undefined if it has none or a wrong one. */
  holderOf(request: Pick<FastifyRequest, 'headers'>): string | undefined;
}

/** Creates a keyring of `API_KEYS`. */
export function createKeyring(apiKeys: Config['apiKeys']): Keyring {
  const digests = apiKeys.map(({ name, key }) => ({ name, digest: digestOf(key) }));
  return {
    isLocked: apiKeys.length > 0,
    holderOf({ headers }) {
      const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
      if (token === undefined) return undefined;
      const given = digestOf(token);
      let holder: string | undefined;
      // Compare all keys, by digests of one length, so that the time does not reveal how close a wrong key is.
      for (const { name, digest } of digests) if (timingSafeEqual(digest, given)) holder = name;
      return holder;
    },
  };
}

/** Makes the routes of this scope need an API key, before a body is read. Adds the name of the key to the log lines. */
export function requireKey(app: FastifyInstance, keyring: Keyring): void {
  if (!keyring.isLocked) return;
  app.addHook('onRequest', async (request) => {
    const holder = keyring.holderOf(request);
    if (holder === undefined) throw errors.unauthorized();
    request.log = request.log.child({ key: holder });
  });
}

const digestOf = (text: string) => createHash('sha256').update(text).digest();
