/**
 * Keeps pages of other sites from using an API without keys. With keys this is not necessary: a browser sends a key to
 * another origin only after a preflight, and the API grants none.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import type { Keyring } from './api-keys.ts';

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** Values for the page of the server itself, and for the address bar (Fetch Metadata Request Headers, section 2.3). */
const OWN_SITES = new Set(['same-origin', 'none']);

/** Refuses requests of pages of other sites before a body is read. */
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
 * Returns whether the Host header is one of the server's own names. With DNS rebinding a page of another site is of the
 * same origin for the browser; it can set any header except Host.
 */
export function isKnownHost(
  { headers }: Pick<FastifyRequest, 'headers'>,
  { knownHosts }: Pick<Config, 'knownHosts'>,
): boolean {
  return knownHosts === null || knownHosts.includes(hostnameOf(headers.host));
}

/** Returns whether a request comes from a page of another site. Browsers send one of two headers; programs send neither. */
function isForeign(request: FastifyRequest, publicOrigin: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin !== undefined && origin === publicOrigin) return false;
  if (site !== undefined) return !OWN_SITES.has(String(site));
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const { protocol, host } = new URL(origin);
  // The scheme is not compared, for a proxy that adds TLS may not report it.
  return ![request.headers.host, request.host].some((own) => hostOf(own, protocol) === host);
}

/** Returns the host of a header, with its port unless that is the default of the scheme. */
function hostOf(header: string | undefined, protocol: string): string {
  const url = `${protocol}//${header}`;
  return URL.canParse(url) ? new URL(url).host : '';
}

/** Returns the host name of a header in lower case, with an IPv6 address in brackets. */
function hostnameOf(header: string | undefined): string {
  const url = `http://${header ?? ''}`;
  return URL.canParse(url) ? new URL(url).hostname : '';
}
