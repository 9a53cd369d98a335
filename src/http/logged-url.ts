/** Removes credentials from addresses before they are logged. */

/** Query parameters that the server knows; `CMCD` comes from players (CTA-5004). Any other may be a credential. */
const KNOWN_PARAMETERS: ReadonlySet<string> = new Set(['limit', 'cursor', 'q', 'wait', 'CMCD']);
const REDACTED = '[redacted]';

/**
 * Redacts the value of every query parameter that the server does not know, such as `access_token`, and the signature of a
 * link.
 */
export function loggedUrl(url: string): string {
  const [path = '', ...parameters] = url.split(/[?#;&]/);
  const shown = parameters.map(loggedParameter).join('&');
  return withoutSignature(path) + (parameters.length > 0 ? `?${shown}` : '');
}

function loggedParameter(parameter: string): string {
  const [name = '', value] = parameter.split('=', 2);
  if (parameter === '' || KNOWN_PARAMETERS.has(name)) return parameter;
  // A name without a value, or an odd name, may itself be the credential.
  return value !== undefined && /^[\w.-]{1,32}$/.test(name) ? `${name}=${REDACTED}` : REDACTED;
}

/** Redacts the signature in `/signed/<signature>/song.mp3/...`. The router also accepts `/%73igned/`. */
function withoutSignature(path: string): string {
  const parts = path.split('/');
  const isSignature = (at: number) => /^signed$/i.test(decoded(parts[at - 1] ?? ''));
  return parts.map((part, at) => (part !== '' && isSignature(at) ? REDACTED : part)).join('/');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
