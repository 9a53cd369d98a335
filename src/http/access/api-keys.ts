/** Who may use the API: whoever brings one of its keys as a bearer token (RFC 6750 section 2.1). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';

export interface Keyring {
  /** Whether keys are asked for at all. */
  readonly isLocked: boolean;
  /** The name of the key that a request brings; undefined without one, or with a wrong one. */
  holderOf(request: Pick<FastifyRequest, 'headers'>): string | undefined;
}

export function createKeyring(apiKeys: Config['apiKeys']): Keyring {
  const digests = apiKeys.map(({ name, key }) => ({ name, digest: digestOf(key) }));
  return {
    isLocked: apiKeys.length > 0,
    holderOf({ headers }) {
      const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
      if (token === undefined) return undefined;
      const given = digestOf(token);
      let holder: string | undefined;
      // All of them, and by digests of one length: how long it takes tells nothing of how near a wrong one comes.
      for (const { name, digest } of digests) if (timingSafeEqual(digest, given)) holder = name;
      return holder;
    },
  };
}

/** Routes of this scope take a key, before anything of a body is read. Whose it was is told in the log, by its name. */
export function requireKey(app: FastifyInstance, keyring: Keyring): void {
  if (!keyring.isLocked) return;
  app.addHook('onRequest', async (request) => {
    const holder = keyring.holderOf(request);
    if (holder === undefined) throw errors.unauthorized();
    request.log = request.log.child({ key: holder });
  });
}

const digestOf = (text: string) => createHash('sha256').update(text).digest();
