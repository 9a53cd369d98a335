/** Parses the values of settings. The message of each parser says which values are allowed. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { parseLadder } from '../presentation/ladder.ts';

const MIN_SECRET_LENGTH = 32;
/** Keys that fit into a header: `b64token` (RFC 6750 section 2.1). */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

export const text = (allowed: string) => z.string().min(1, allowed);

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, allowed)
    .transform(Number)
    .refine((value) => value >= min && value <= max, allowed);
};

export const seconds = (min: number, max: number) => {
  const allowed = `a number of seconds from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/, allowed)
    .transform(Number)
    .refine((value) => value >= min && value <= max, allowed);
};

export const flag = z.enum(['true', 'false'], '"true" or "false"').transform((value) => value === 'true');

export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, `one of ${values.join(', ')}`);

const ORIGINS_ALLOWED = '"*" or origins such as https://example.org, separated by commas';
/** Parses `*`, or a list of origins. */
export const origins = text(ORIGINS_ALLOWED).transform((value, context) => {
  if (value === '*') return '*' as const;
  const list = commaSeparated(value);
  if (list.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) return list;
  context.addIssue(ORIGINS_ALLOWED);
  return z.NEVER;
});

const ADDRESS_ALLOWED = 'an address such as https://example.org/audio';
/** Parses an HTTP address; drops slashes at its end. */
export const httpAddress = text(ADDRESS_ALLOWED).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.search + url.hash + url.username === '') {
    return url.href.replace(/\/+$/, '');
  }
  context.addIssue(ADDRESS_ALLOWED);
  return z.NEVER;
});

const DATABASE_ALLOWED = 'an address such as postgres://user:password@db.example.org/audio';
export const databaseAddress = text(DATABASE_ALLOWED).refine(
  (value) => URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol),
  DATABASE_ALLOWED,
);

export const ladder = z.string().transform((value, context) => {
  try {
    return parseLadder(value);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
});

export const secret = z
  .string()
  .min(
    MIN_SECRET_LENGTH,
    `at least ${MIN_SECRET_LENGTH} characters, for example from "openssl rand -hex 32"`,
  );

const API_KEYS_ALLOWED = `name:key pairs separated by commas, with different names of letters, digits, ".", "_" and "-", and keys of at least ${MIN_SECRET_LENGTH} letters, digits and "-._~+/"`;
/** Parses the names and keys of `API_KEYS`. */
export const apiKeys = z.string().transform((value, context) => {
  const keys = value.split(',').map((pair) => {
    const [, name = '', key = ''] = /^\s*([\w.-]+):(\S+)\s*$/.exec(pair) ?? [];
    return { name, key };
  });
  const areGood = keys.every(({ key }) => key.length >= MIN_SECRET_LENGTH && BEARER_TOKEN.test(key));
  if (areGood && new Set(keys.map(({ name }) => name)).size === keys.length) return keys;
  context.addIssue(API_KEYS_ALLOWED);
  return z.NEVER;
});

/** Parses a number of requests a minute; null is no limit. */
export const rate = z.string().transform((value, context) => {
  if (value === 'off') return null;
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  context.addIssue('a number of requests a minute, or "off"');
  return z.NEVER;
});

const PROXIES_ALLOWED =
  '"false", "true" (every client is a proxy), or the addresses of proxies, such as 10.0.0.0/8, separated by commas';
/** Parses `TRUST_PROXY` into a value for Fastify's `trustProxy`. */
export const proxies = z.string().transform((value, context) => {
  if (value === 'true' || value === 'false') return value === 'true';
  const addresses = commaSeparated(value);
  if (addresses.every(isAddressOrSubnet)) return addresses;
  context.addIssue(PROXIES_ALLOWED);
  return z.NEVER;
});

function isAddressOrSubnet(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

function commaSeparated(list: string): string[] {
  return list.split(',').map((item) => item.trim());
}
