/** Every setting, written once: its parser, its default, and what `--help` and docs/configuration.md say about it. */
import { availableParallelism } from 'node:os';
import type * as z from 'zod';
import {
  apiKeys,
  flag,
  httpAddress,
  ladder,
  oneOf,
  origins,
  proxies,
  rate,
  seconds,
  secret,
  text,
  wholeNumber,
} from './values.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const DAY_SECONDS = 24 * 3600;

interface About {
  /** The default as the environment would give it; empty for a setting that has none. */
  usual: string;
  /** How documents show the default where they do not show it as it is. */
  shown?: string;
  description: string;
  /** A value that differs from the default. */
  example: string;
}

export interface Setting<T = unknown> extends About {
  schema: z.ZodType<T>;
}

function setting<T>(schema: z.ZodType<T, string>, about: About): Setting<T> {
  return { ...about, schema: schema.prefault(about.usual) };
}

/** For a setting without a default. @param absent its value while the variable is not set. */
function optional<T, A>(
  schema: z.ZodType<T, string>,
  absent: A,
  about: Omit<About, 'usual'>,
): Setting<T | A> {
  return { ...about, usual: '', schema: schema.optional().transform((value) => value ?? absent) };
}

/** In the order of the documents: environment variable by environment variable. */
export const SETTINGS = {
  HOST: setting(text('an address or host name to listen on'), {
    usual: '127.0.0.1',
    description:
      'Address to listen on. An address that other machines can reach needs `API_KEYS`, or `ALLOW_ANONYMOUS=true`.',
    example: '0.0.0.0',
  }),
  PORT: setting(wholeNumber(0, 65_535), {
    usual: '8000',
    description: 'Port to listen on; 0 takes a free one.',
    example: '9000',
  }),
  DATA_DIR: setting(text('a folder'), {
    usual: '.',
    shown: 'the project folder',
    description: 'Folder that holds `uploads/`, `segments/` and `manifests/`. One server uses it at a time.',
    example: '/var/lib/audio',
  }),
  MAX_UPLOAD_BYTES: setting(wholeNumber(1), {
    usual: String(2 * GIB),
    shown: '2147483648 (2 GiB)',
    description: 'The largest file that is accepted.',
    example: '10737418240',
  }),
  MAX_UPLOADS: setting(wholeNumber(1, 100_000), {
    usual: '256',
    description:
      'Uploads that are received at the same time. An upload that hardly moves loses its place to another one.',
    example: '32',
  }),
  MAX_DURATION_SECONDS: setting(wholeNumber(1, 7 * DAY_SECONDS), {
    usual: String(DAY_SECONDS),
    shown: '86400 (24 h)',
    description: 'The longest audio that is accepted.',
    example: '14400',
  }),
  SEGMENT_SECONDS: setting(seconds(1, 30), {
    usual: '4',
    description: 'Length of a segment, 1 to 30.',
    example: '6',
  }),
  SEGMENT_WAIT_SECONDS: setting(wholeNumber(1, 3600), {
    usual: '9',
    description:
      'How long a request waits for a segment that is not encoded yet. hls.js and Shaka Player give up after 10 seconds.',
    example: '15',
  }),
  SEGMENT_CACHE_BYTES: setting(wholeNumber(0), {
    usual: String(256 * MIB),
    shown: '268435456 (256 MiB)',
    description:
      'Memory for the segments that players ask for most; 0 for none. The server itself takes 0.1 GB beside it.',
    example: '1073741824',
  }),
  AUDIO_LADDER: setting(ladder, {
    usual: 'aac@64k,aac@128k,aac@256k',
    description:
      'The renditions of new uploads. A track gets no rendition above 6 bits per sample and channel, and, 128k apart, none above the bit rate of a lossy source.',
    example: 'aac@128k',
  }),
  CONCURRENCY: setting(wholeNumber(1, 1024), {
    usual: String(availableParallelism()),
    shown: 'number of cores',
    description:
      'ffmpeg processes that encode at the same time; so many uploads are examined at the same time.',
    example: '1',
  }),
  MAX_WAITING: setting(wholeNumber(1, 1_000_000), {
    usual: '1000',
    description: 'Tracks that may wait to be processed. Further uploads are answered with 503.',
    example: '100',
  }),
  MIN_FREE_BYTES: setting(wholeNumber(0), {
    usual: String(256 * MIB),
    shown: '268435456 (256 MiB)',
    description: 'Room on the disk that stays free. Uploads that would need it are answered with 507.',
    example: '1073741824',
  }),
  KEEP_ORIGINALS: setting(flag, {
    usual: 'false',
    description: '`true` keeps the original of a track after it is ready.',
    example: 'true',
  }),
  API_KEYS: optional(apiKeys, [], {
    description:
      'Who may use the API: `name:key` pairs, separated by commas; keys of at least 32 characters. The log shows names, never keys.',
    example: 'phone:$(openssl rand -hex 32)',
  }),
  ALLOW_ANONYMOUS: setting(flag, {
    usual: 'false',
    description: '`true` lets the server listen without keys on a `HOST` that other machines can reach.',
    example: 'true',
  }),
  STREAM_SECRET: optional(secret, null, {
    description: 'At least 32 characters. Streams then need a link that is signed with it.',
    example: '$(openssl rand -hex 32)',
  }),
  RATE_LIMIT: setting(rate, {
    usual: '1200',
    description: 'Requests a minute from one address, or `off`.',
    example: 'off',
  }),
  UPLOAD_RATE_LIMIT: setting(rate, {
    usual: '120',
    description: 'Uploads a minute from one address, or `off`.',
    example: '10',
  }),
  TRUST_PROXY: setting(proxies, {
    usual: 'false',
    description:
      'Proxies whose `X-Forwarded-For` is believed: addresses such as `127.0.0.1` or `10.0.0.0/8`, separated by commas; `true` believes everybody.',
    example: '127.0.0.1',
  }),
  PUBLIC_URL: optional(httpAddress, '', {
    description:
      'The address of the server as clients see it, where that is not the root of its own address. Addresses in answers begin with it; manifests and playlists hold relative addresses only.',
    example: 'https://example.org/audio',
  }),
  CORS_ORIGIN: setting(origins, {
    usual: '*',
    description: 'Who may read streams from a browser: `*`, or origins separated by commas.',
    example: 'https://example.org',
  }),
  LOG_LEVEL: setting(oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), {
    usual: 'info',
    description:
      '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`. Requests for streams are logged at `debug`.',
    example: 'debug',
  }),
  SANDBOX: setting(oneOf(['auto', 'off', 'bubblewrap', 'unshare']), {
    usual: 'auto',
    description:
      'What confines ffmpeg: `auto` (the first that is usable), `bubblewrap`, `unshare` (as root) or `off`. `/readyz` says which.',
    example: 'bubblewrap',
  }),
  FFMPEG_PATH: setting(text('the path of ffmpeg'), {
    usual: 'ffmpeg',
    description: 'Where ffmpeg is.',
    example: '/opt/ffmpeg/bin/ffmpeg',
  }),
  FFPROBE_PATH: setting(text('the path of ffprobe'), {
    usual: 'ffprobe',
    description: 'Where ffprobe is.',
    example: '/opt/ffmpeg/bin/ffprobe',
  }),
} satisfies Record<string, Setting>;

/** Settings whose values are never shown. */
export const SECRETS: ReadonlySet<string> = new Set(['API_KEYS', 'STREAM_SECRET']);
