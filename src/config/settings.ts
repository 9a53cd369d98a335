/**
 * Defines every setting once: its parser, its default and its description. `--help` and docs/configuration.md are generated
 * from here.
 */
import { availableParallelism, hostname } from 'node:os';
import type * as z from 'zod';
import {
  apiKeys,
  databaseAddress,
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
  /** The default, as a value of the environment variable; empty for a setting without one. */
  usual: string;
  /** The default as documents show it, if that differs from `usual`. */
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

/** Defines a setting without a default. @param absent its value while the variable is not set. */
function optional<T, A>(
  schema: z.ZodType<T, string>,
  absent: A,
  about: Omit<About, 'usual'>,
): Setting<T | A> {
  return { ...about, usual: '', schema: schema.optional().transform((value) => value ?? absent) };
}

/** All settings by environment variable, in the order of the documents. */
export const SETTINGS = {
  HOST: setting(text('an address or host name to listen on'), {
    usual: '127.0.0.1',
    description:
      'Address to listen on. An address that other machines can reach needs `API_KEYS`, or `ALLOW_ANONYMOUS=true`.',
    example: '0.0.0.0',
  }),
  PORT: setting(wholeNumber(0, 65_535), {
    usual: '8000',
    description: 'Port to listen on; 0 takes a free port.',
    example: '9000',
  }),
  DATA_DIR: setting(text('a folder'), {
    usual: '.',
    shown: 'the project folder',
    description:
      'Folder that holds `uploads/`, `segments/` and `manifests/`; with `DATABASE_URL`, scratch space. One server uses it at a time.',
    example: '/var/lib/audio',
  }),
  MAX_UPLOAD_BYTES: setting(wholeNumber(1), {
    usual: String(2 * GIB),
    shown: '2147483648 (2 GiB)',
    description: 'Largest file that is accepted, in bytes.',
    example: '10737418240',
  }),
  MAX_UPLOADS: setting(wholeNumber(1, 100_000), {
    usual: '256',
    description:
      'Uploads that are received at the same time. An upload that makes hardly any progress loses its place to a new one.',
    example: '32',
  }),
  MAX_DURATION_SECONDS: setting(wholeNumber(1, 7 * DAY_SECONDS), {
    usual: String(DAY_SECONDS),
    shown: '86400 (24 h)',
    description: 'Longest audio that is accepted, in seconds.',
    example: '14400',
  }),
  SEGMENT_SECONDS: setting(seconds(1, 30), {
    usual: '4',
    description: 'Length of a segment in seconds, 1 to 30.',
    example: '6',
  }),
  SEGMENT_WAIT_SECONDS: setting(wholeNumber(1, 3600), {
    usual: '9',
    description:
      'Longest time that a request waits for a segment that is not encoded yet, in seconds. hls.js and Shaka Player give up after 10 seconds.',
    example: '15',
  }),
  SEGMENT_CACHE_BYTES: setting(wholeNumber(0), {
    usual: String(256 * MIB),
    shown: '268435456 (256 MiB)',
    description:
      'Memory for the segment cache, in bytes; 0 turns it off. The server itself takes some 0.1 GB more.',
    example: '1073741824',
  }),
  AUDIO_LADDER: setting(ladder, {
    usual: 'aac@64k,aac@128k,aac@256k',
    description:
      'Renditions of new uploads. A track skips bit rates above 6 bits per sample and channel, and, except 128k, bit rates above that of a lossy source.',
    example: 'aac@128k',
  }),
  CONCURRENCY: setting(wholeNumber(1, 1024), {
    usual: String(availableParallelism()),
    shown: 'number of cores',
    description:
      'ffmpeg processes that encode at the same time, and uploads that are examined at the same time.',
    example: '1',
  }),
  EARLY_ENCODING: setting(flag, {
    usual: 'true',
    description: 'Encodes uploads while they arrive, with the processor time that is left over.',
    example: 'false',
  }),
  EARLY_UPLOADS: setting(wholeNumber(1, 1024), {
    usual: String(availableParallelism()),
    shown: 'number of cores',
    description:
      'Uploads that are encoded while they arrive at the same time, each by one ffmpeg process per rendition.',
    example: '1',
  }),
  ANALYSIS: setting(flag, {
    usual: 'true',
    description:
      'Finds loudness, waveform, pauses and cover of a track when it is ready and no client needs the processors; until then the original is kept. `false` leaves new tracks without them, and lets those of before wait.',
    example: 'false',
  }),
  MAX_WAITING: setting(wholeNumber(1, 1_000_000), {
    usual: '1000',
    description: 'Most tracks that wait to be processed. Further uploads get 503.',
    example: '100',
  }),
  MIN_FREE_BYTES: setting(wholeNumber(0), {
    usual: String(256 * MIB),
    shown: '268435456 (256 MiB)',
    description: 'Bytes of the disk that stay free. Uploads that would need them get 507.',
    example: '1073741824',
  }),
  KEEP_ORIGINALS: setting(flag, {
    usual: 'false',
    description: '`true` keeps the original of a track after the track is ready and analysed.',
    example: 'true',
  }),
  API_KEYS: optional(apiKeys, [], {
    description:
      'API keys: `name:key` pairs separated by commas, with keys of at least 32 characters. Requests then need one of them. The log shows names, never keys.',
    example: 'phone:$(openssl rand -hex 32)',
  }),
  ALLOW_ANONYMOUS: setting(flag, {
    usual: 'false',
    description: '`true` lets the server listen without API keys on a `HOST` that other machines can reach.',
    example: 'true',
  }),
  STREAM_SECRET: optional(secret, null, {
    description: 'Secret of at least 32 characters. Streams then need a link that is signed with it.',
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
      'Proxies whose `X-Forwarded-For` is trusted: addresses such as `127.0.0.1` or `10.0.0.0/8`, separated by commas; `true` trusts every client.',
    example: '127.0.0.1',
  }),
  PUBLIC_URL: optional(httpAddress, '', {
    description:
      'Address of the server as clients see it, if that is not the root of its own address. Addresses in responses begin with it; manifests and playlists contain relative addresses only.',
    example: 'https://example.org/audio',
  }),
  CORS_ORIGIN: setting(origins, {
    usual: '*',
    description: 'Web pages that may read streams in a browser: `*`, or origins separated by commas.',
    example: 'https://example.org',
  }),
  DATABASE_URL: optional(databaseAddress, null, {
    description:
      'PostgreSQL (13 or later) that many servers share for their records, together with `S3_BUCKET`. Without both, `DATA_DIR` holds everything.',
    example: 'postgres://audio:password@db.example.org/audio',
  }),
  S3_BUCKET: optional(text('the name of a bucket'), null, {
    description:
      'S3 bucket that many servers share for originals and segments, together with `DATABASE_URL`.',
    example: 'audio',
  }),
  S3_ENDPOINT: optional(httpAddress, null, {
    description: "Address of the S3 server; without it, Amazon's for `S3_REGION`.",
    example: 'https://s3.example.org',
  }),
  S3_REGION: setting(text('the name of a region'), {
    usual: 'us-east-1',
    description: 'Region of the bucket.',
    example: 'eu-central-1',
  }),
  S3_ACCESS_KEY_ID: optional(text('an access key'), null, {
    description:
      'Access key of the bucket, together with `S3_SECRET_ACCESS_KEY`. Without both, the AWS SDK looks for credentials: environment, profile, role of the machine.',
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  S3_SECRET_ACCESS_KEY: optional(text('a secret key'), null, {
    description: 'Secret of `S3_ACCESS_KEY_ID`.',
    example: '$(cat /run/secrets/s3)',
  }),
  STREAM_FROM: setting(oneOf(['service', 's3']), {
    usual: 'service',
    description:
      'Where clients get the segments of ready tracks: from the service and its cache, or by addresses at the S3 server itself (`s3`), which are signed and end after some minutes.',
    example: 's3',
  }),
  CDN_URL: optional(httpAddress, null, {
    description:
      'Address below which anybody may read the bucket, such as that of a CDN in front of it. With `STREAM_FROM=s3`, manifests and playlists of ready tracks name segments there. Not together with `STREAM_SECRET`.',
    example: 'https://cdn.example.org/audio',
  }),
  S3_PUBLIC_ENDPOINT: optional(httpAddress, null, {
    description:
      'Address of the S3 server for clients, where that is not `S3_ENDPOINT`. With `STREAM_FROM=s3`, signed addresses begin with it.',
    example: 'https://s3.example.org',
  }),
  ROLE: setting(oneOf(['all', 'api', 'encode']), {
    usual: 'all',
    description:
      'What this server does where it shares `DATABASE_URL`: `api` answers requests, `encode` encodes, `all` does both.',
    example: 'encode',
  }),
  NODE_NAME: setting(text('a name'), {
    usual: hostname(),
    shown: 'host name',
    description: 'Name of this server in its log and in `/readyz`, where it shares `DATABASE_URL`.',
    example: 'encoder-1',
  }),
  SCRATCH_BYTES: setting(wholeNumber(1), {
    usual: String(10 * GIB),
    shown: '10737418240 (10 GiB)',
    description:
      'Bytes of `DATA_DIR` for local copies of originals, where the server shares `S3_BUCKET`. The least recently used leave first.',
    example: '107374182400',
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
      'Sandbox of ffmpeg: `auto` (the first that works), `bubblewrap`, `unshare` (needs root) or `off`. `/readyz` shows the one in use.',
    example: 'bubblewrap',
  }),
  FFMPEG_PATH: setting(text('the path of ffmpeg'), {
    usual: 'ffmpeg',
    description: 'Path or name of ffmpeg.',
    example: '/opt/ffmpeg/bin/ffmpeg',
  }),
  FFPROBE_PATH: setting(text('the path of ffprobe'), {
    usual: 'ffprobe',
    description: 'Path or name of ffprobe.',
    example: '/opt/ffmpeg/bin/ffprobe',
  }),
} satisfies Record<string, Setting>;

/** Settings whose values appear in no message. */
export const SECRETS: ReadonlySet<string> = new Set([
  'API_KEYS',
  'STREAM_SECRET',
  'DATABASE_URL',
  'S3_SECRET_ACCESS_KEY',
]);
