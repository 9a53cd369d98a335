/** The environment: described, validated and explained once, then passed on as a value. */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { StartupError } from './errors.ts';
import { parseLadder } from './media/ladder.ts';
import type { SandboxSetting } from './media/launcher.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const DAY_SECONDS = 24 * 3600;
const SANDBOX_SETTINGS = ['auto', 'off', 'bubblewrap', 'unshare'] as const satisfies SandboxSetting[];

const wholeNumber = (min: number, max: number) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, allowed)
    .transform(Number)
    .refine((value) => value >= min && value <= max, allowed);
};

const flag = z.enum(['true', 'false'], '"true" or "false"').transform((value) => value === 'true');
const text = (allowed: string) => z.string().min(1, allowed);

const origins = text('"*" or origins such as https://example.org, separated by commas').transform(
  (value, context) => {
    if (value === '*') return '*' as const;
    const list = value.split(',').map((origin) => origin.trim());
    for (const origin of list) {
      if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
        context.addIssue('"*" or origins such as https://example.org, separated by commas');
        return z.NEVER;
      }
    }
    return list;
  },
);

const publicUrl = text('an address such as https://example.org/audio').transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search + url.hash + url.username !== '') {
    context.addIssue('an address such as https://example.org/audio');
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '');
});

const ladder = z.string().transform((value, context) => {
  try {
    return parseLadder(value);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
});

const segmentSeconds = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'a number of seconds from 1 to 30')
  .transform(Number)
  .refine((value) => value >= 1 && value <= 30, 'a number of seconds from 1 to 30');

const MIN_SECRET_LENGTH = 32;
/** What can be said in a header: `b64token` (RFC 6750 section 2.1). */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const API_KEYS_ALLOWED = `name:key pairs separated by commas, with different names of letters, digits, ".", "_" and "-", and keys of at least ${MIN_SECRET_LENGTH} letters, digits and "-._~+/"`;

const apiKeys = z.string().transform((value, context) => {
  const keys = value.split(',').map((pair) => {
    const [, name = '', key = ''] = /^\s*([\w.-]+):(\S+)\s*$/.exec(pair) ?? [];
    return { name, key };
  });
  const areGood = keys.every(({ key }) => key.length >= MIN_SECRET_LENGTH && BEARER_TOKEN.test(key));
  if (areGood && new Set(keys.map(({ name }) => name)).size === keys.length) return keys;
  context.addIssue(API_KEYS_ALLOWED);
  return z.NEVER;
});

/** Requests a minute; null is no limit. */
const rate = z.string().transform((value, context) => {
  if (value === 'off') return null;
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  context.addIssue('a number of requests a minute, or "off"');
  return z.NEVER;
});

const TRUST_ALLOWED =
  '"false", "true" (whoever connects is a proxy), or the addresses of proxies, such as 10.0.0.0/8, separated by commas';
const trustProxy = z.string().transform((value, context) => {
  if (value === 'true' || value === 'false') return value === 'true';
  const addresses = value.split(',').map((address) => address.trim());
  if (addresses.every(isAddressOrSubnet)) return addresses;
  context.addIssue(TRUST_ALLOWED);
  return z.NEVER;
});

function isAddressOrSubnet(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** One line per variable; the table in the README says the same. */
function environment(projectFolder: string) {
  return z.object({
    HOST: text('an address or host name to listen on').default('127.0.0.1'),
    PORT: wholeNumber(0, 65_535).default(8000),
    DATA_DIR: text('a folder').default(projectFolder),
    MAX_UPLOAD_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(2 * GIB),
    MAX_UPLOADS: wholeNumber(1, 100_000).default(256),
    MAX_DURATION_SECONDS: wholeNumber(1, 7 * DAY_SECONDS).default(DAY_SECONDS),
    SEGMENT_SECONDS: segmentSeconds.default(4),
    SEGMENT_WAIT_SECONDS: wholeNumber(1, 3600).default(9),
    SEGMENT_CACHE_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(256 * MIB),
    AUDIO_LADDER: ladder.prefault('aac@64k,aac@128k,aac@256k'),
    CONCURRENCY: wholeNumber(1, 1024).default(availableParallelism()),
    MAX_WAITING: wholeNumber(1, 1_000_000).default(1000),
    MIN_FREE_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(256 * MIB),
    KEEP_ORIGINALS: flag.default(false),
    API_KEYS: apiKeys.default([]),
    ALLOW_ANONYMOUS: flag.default(false),
    STREAM_SECRET: z
      .string()
      .min(
        MIN_SECRET_LENGTH,
        `at least ${MIN_SECRET_LENGTH} characters, such as "openssl rand -hex 32" gives`,
      )
      .nullable()
      .default(null),
    RATE_LIMIT: rate.default(1200),
    UPLOAD_RATE_LIMIT: rate.default(120),
    TRUST_PROXY: trustProxy.default(false),
    PUBLIC_URL: publicUrl.default(''),
    CORS_ORIGIN: origins.default('*'),
    LOG_LEVEL: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).default('info'),
    SANDBOX: z.enum(SANDBOX_SETTINGS, `one of ${SANDBOX_SETTINGS.join(', ')}`).default('auto'),
    FFMPEG_PATH: text('the path of ffmpeg').default('ffmpeg'),
    FFPROBE_PATH: text('the path of ffprobe').default('ffprobe'),
  });
}

/** Their values are never shown. */
const SECRETS: ReadonlySet<string> = new Set(['API_KEYS', 'STREAM_SECRET']);

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** Names under which this machine alone reaches a server on its loopback. */
function hostsOfLoopback(host: string, publicUrl: string): string[] {
  const own = isIP(host) === 6 ? `[${host}]` : host.toLowerCase();
  const given = publicUrl === '' ? [] : [new URL(publicUrl).hostname];
  return [...new Set(['localhost', '127.0.0.1', '[::1]', own, ...given])];
}

export interface Config {
  host: string;
  /**
   * What `Host` may say in requests to the API: without keys on the loopback, its names and that of `PUBLIC_URL`; null for
   * anything.
   */
  knownHosts: string[] | null;
  /** 0 lets the system choose a free one. */
  port: number;
  /** Absolute; holds uploads/, segments/ and manifests/. */
  dataDir: string;
  maxUploadBytes: number;
  /** Uploads that are received at the same time. */
  maxUploads: number;
  /** The longest audio that is taken. */
  maxDurationSeconds: number;
  segmentSeconds: number;
  /** How long a request for a segment that is not encoded yet is held. */
  segmentWaitSeconds: number;
  /** Memory for hot segments; 0 for none. */
  segmentCacheBytes: number;
  ladder: ReturnType<typeof parseLadder>;
  /** ffmpeg processes that encode at the same time. */
  concurrency: number;
  /** Tracks that may wait to be processed before uploads are refused. */
  maxWaiting: number;
  /** Room on the disk that uploads do not touch. */
  minFreeBytes: number;
  keepOriginals: boolean;
  /** Who may use the API; without any, everybody may. */
  apiKeys: { name: string; key: string }[];
  /** What links to streams are signed with; null leaves streams open. */
  streamSecret: string | null;
  /** Requests a minute from one address, uploads apart; null is no limit. */
  rateLimit: number | null;
  uploadRateLimit: number | null;
  /** As Fastify takes it: whose `X-Forwarded-For` is believed. */
  trustProxy: boolean | string[];
  /** What clients put before the paths of the API, without a slash at its end; empty where it is not set. */
  publicUrl: string;
  corsOrigin: '*' | string[];
  logLevel: (typeof LOG_LEVELS)[number];
  sandbox: SandboxSetting;
  ffmpegPath: string;
  ffprobePath: string;
}

/**
 * @param env the environment; an empty variable counts as one that is not set.
 * @throws {StartupError} naming every wrong variable, its value, and what is allowed.
 */
export function parseConfig(env: Record<string, string | undefined>, projectFolder: string): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment(projectFolder).safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const shown = SECRETS.has(name) ? name : `${name}="${given[name] ?? ''}"`;
      return `${shown} is not valid: it must be ${issue.message}.`;
    });
    throw new StartupError(lines.join('\n'));
  }
  const value = parsed.data;
  if (value.API_KEYS.length === 0 && !value.ALLOW_ANONYMOUS && !isLoopback(value.HOST)) {
    throw new StartupError(
      `HOST="${value.HOST}" can be reached from other machines, and everybody there could upload and delete. Set API_KEYS (name:key, the key from "openssl rand -hex 32"), or ALLOW_ANONYMOUS=true if that is what you want.`,
    );
  }
  const isPrivate = value.API_KEYS.length === 0 && isLoopback(value.HOST);
  return {
    host: value.HOST,
    knownHosts: isPrivate ? hostsOfLoopback(value.HOST, value.PUBLIC_URL) : null,
    port: value.PORT,
    dataDir: path.resolve(projectFolder, value.DATA_DIR),
    maxUploadBytes: value.MAX_UPLOAD_BYTES,
    maxUploads: value.MAX_UPLOADS,
    maxDurationSeconds: value.MAX_DURATION_SECONDS,
    segmentSeconds: value.SEGMENT_SECONDS,
    segmentWaitSeconds: value.SEGMENT_WAIT_SECONDS,
    segmentCacheBytes: value.SEGMENT_CACHE_BYTES,
    ladder: value.AUDIO_LADDER,
    concurrency: value.CONCURRENCY,
    maxWaiting: value.MAX_WAITING,
    minFreeBytes: value.MIN_FREE_BYTES,
    keepOriginals: value.KEEP_ORIGINALS,
    apiKeys: value.API_KEYS,
    streamSecret: value.STREAM_SECRET,
    rateLimit: value.RATE_LIMIT,
    uploadRateLimit: value.UPLOAD_RATE_LIMIT,
    trustProxy: value.TRUST_PROXY,
    publicUrl: value.PUBLIC_URL,
    corsOrigin: value.CORS_ORIGIN,
    logLevel: value.LOG_LEVEL,
    sandbox: value.SANDBOX,
    ffmpegPath: value.FFMPEG_PATH,
    ffprobePath: value.FFPROBE_PATH,
  };
}
