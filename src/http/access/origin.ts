/**
 * Which web pages may use an API that asks for no key: those of the server itself. A key is protection enough, for a browser
 * sends it to another origin only after a preflight, and none is granted.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import type { Keyring } from './api-keys.ts';

/** RFC 9110 section 9.2.1. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** The server's own page, or a person by the address bar (Fetch Metadata Request Headers, section 2.3). */
const OWN_SITES = new Set(['same-origin', 'none']);

/** Refuses, before anything of a body is read, what a page of another site asks for. */
export function keepOutForeignPages(
  app: FastifyInstance,
  { keyring, config }: { keyring: Keyring; config: Pick<Config, 'knownHosts' | 'publicUrl'> },
): void {
  if (keyring.isLocked) return;
  const { publicUrl } = config;
  const publicOrigin = publicUrl === '' ? undefined : new URL(publicUrl).origin;
  app.addHook('onRequest', async (request) => {
    if (!isKnownHost(request, config)) throw errors.unknownHost(request.headers.host ?? '');
    if (!SAFE_METHODS.has(request.method) && isForeign(request, publicOrigin)) throw errors.crossOrigin();
  });
}

/**
 * Tells whether a request names the server by one of its own names. To a browser a page whose name leads here is of the same
 * origin (DNS rebinding); such a page can set any header but this one.
 */
export function isKnownHost(
  { headers }: Pick<FastifyRequest, 'headers'>,
  { knownHosts }: Pick<Config, 'knownHosts'>,
): boolean {
  return knownHosts === null || knownHosts.includes(hostnameOf(headers.host));
}

/** Browsers tell where a request comes from by one of two headers; programs send none of them. */
function isForeign(request: FastifyRequest, publicOrigin: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin !== undefined && origin === publicOrigin) return false;
  if (site !== undefined) return !OWN_SITES.has(String(site));
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const { protocol, host } = new URL(origin);
  // The scheme is not compared: a proxy that adds TLS need not say so.
  return ![request.headers.host, request.host].some((own) => hostOf(own, protocol) === host);
}

/** With its port where that is not the usual one of the scheme. */
function hostOf(header: string | undefined, protocol: string): string {
  const url = `${protocol}//${header}`;
  return URL.canParse(url) ? new URL(url).host : '';
}

/** In lower case; an IPv6 address between brackets. */
function hostnameOf(header: string | undefined): string {
  const url = `http://${header ?? ''}`;
  return URL.canParse(url) ? new URL(url).hostname : '';
}
