/** Validates the environment once; the rest of the code gets it as a value. */
import { isIP } from 'node:net';
import path from 'node:path';
import * as z from 'zod';
import { StartupError } from '../errors.ts';
import { SECRETS, SETTINGS } from './settings.ts';

type Settings = typeof SETTINGS;
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** The value of each setting: `MAX_UPLOAD_BYTES` is `maxUploadBytes`. `settings.ts` describes them. */
type Values = { [Name in keyof Settings as CamelCase<Name>]: z.output<Settings[Name]['schema']> };

export interface Config extends Values {
  /** The engines that this server shares with others; null for a server on its own. */
  shared: SharedEngines | null;
  /**
   * Host names that requests to the API may carry: those of the loopback and of `PUBLIC_URL`, for a server on the loopback
   * without API keys. Null allows every name.
   */
  knownHosts: string[] | null;
}

/** Addresses of the database and of the bucket. */
export interface SharedEngines {
  databaseUrl: string;
  bucket: string;
  endpoint: string | null;
  region: string;
  /** Null: the SDK looks for them. */
  credentials: { accessKeyId: string; secretAccessKey: string } | null;
  /** How clients read segments from the bucket; null where they get them from the service. */
  direct: DirectReading | null;
}

export interface DirectReading {
  /** Address below which anybody may read the bucket; null for signed addresses. */
  publicUrl: string | null;
  /** Address of the S3 server for clients; null where it is `endpoint`. */
  endpoint: string | null;
}

const schemas = Object.fromEntries(Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema]));
const Environment = z.object(schemas as { [Name in keyof Settings]: Settings[Name]['schema'] });

/**
 * Reads all settings from the environment.
 *
 * @param env the environment. An empty variable counts as not set.
 * @param projectFolder absolute; `DATA_DIR` is relative to it.
 * @throws {StartupError} with a line for each wrong variable: its value, and the values that are allowed.
 */
export function parseConfig(env: Record<string, string | undefined>, projectFolder: string): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const shown = SECRETS.has(name) ? name : `${name}="${given[name] ?? ''}"`;
      return `${shown} is not valid: it must be ${issue.message}.`;
    });
    throw new StartupError(lines.join('\n'));
  }
  const values = Object.entries(parsed.data).map(([name, value]) => [camelCase(name), value]);
  const config = Object.fromEntries(values) as Values;
  assertNotOpenToAll(config);
  assertDirectReading(config);
  return {
    ...config,
    shared: sharedEngines(config),
    dataDir: path.resolve(projectFolder, config.dataDir),
    knownHosts: config.apiKeys.length === 0 && isLoopback(config.host) ? loopbackHosts(config) : null,
  };
}

/** @throws {StartupError} when other machines can reach the server and it has no API keys. */
function assertNotOpenToAll({ host, apiKeys, allowAnonymous }: Values): void {
  if (apiKeys.length > 0 || allowAnonymous || isLoopback(host)) return;
  throw new StartupError(
    `Other machines can reach HOST="${host}", and anybody there could upload and delete. Set API_KEYS (name:key, with a key from "openssl rand -hex 32"), or set ALLOW_ANONYMOUS=true to allow that.`,
  );
}

/** @throws {StartupError} when one setting of a pair is there and the other is not, or none are and others need them. */
function sharedEngines(config: Values): SharedEngines | null {
  const { databaseUrl, s3Bucket: bucket, s3Endpoint: endpoint, s3Region: region, role } = config;
  const { s3AccessKeyId: accessKeyId, s3SecretAccessKey: secretAccessKey } = config;
  if ((databaseUrl === null) !== (bucket === null)) throw onlyOneOf('DATABASE_URL', 'S3_BUCKET');
  if ((accessKeyId === null) !== (secretAccessKey === null))
    throw onlyOneOf('S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY');
  if (databaseUrl !== null && bucket !== null) {
    const credentials =
      accessKeyId !== null && secretAccessKey !== null ? { accessKeyId, secretAccessKey } : null;
    return { databaseUrl, bucket, endpoint, region, credentials, direct: directReading(config) };
  }
  if (role === 'all') return null;
  throw new StartupError(
    `ROLE="${role}" is for servers that share a database and a bucket. Set DATABASE_URL and S3_BUCKET, or leave ROLE out.`,
  );
}

/** @throws {StartupError} when settings for reading from the bucket lack others, or would open streams that have links. */
function assertDirectReading({ streamFrom, s3Bucket, cdnUrl, s3PublicEndpoint, streamSecret }: Values): void {
  if (streamFrom === 's3' && s3Bucket === null) {
    throw new StartupError(
      'STREAM_FROM="s3" is for servers that keep segments in a bucket. Set S3_BUCKET and DATABASE_URL, or leave STREAM_FROM out.',
    );
  }
  const ofBucket = [
    ['CDN_URL', cdnUrl],
    ['S3_PUBLIC_ENDPOINT', s3PublicEndpoint],
  ];
  for (const [name, value] of ofBucket) {
    if (value === null || streamFrom === 's3') continue;
    throw new StartupError(
      `${name}="${value}" has no effect without STREAM_FROM=s3. Set that, or leave ${name} out.`,
    );
  }
  if (cdnUrl !== null && s3PublicEndpoint !== null) {
    throw new StartupError(
      'CDN_URL and S3_PUBLIC_ENDPOINT exclude each other: addresses below CDN_URL are not signed. Leave one of them out.',
    );
  }
  if (cdnUrl !== null && streamSecret !== null) {
    throw new StartupError(
      `Anybody may read what is below CDN_URL="${cdnUrl}", without the links that STREAM_SECRET requires. Leave CDN_URL out, and clients get signed addresses that end after some minutes; or leave STREAM_SECRET out.`,
    );
  }
}

function directReading({ streamFrom, cdnUrl, s3PublicEndpoint }: Values): DirectReading | null {
  return streamFrom === 's3' ? { publicUrl: cdnUrl, endpoint: s3PublicEndpoint } : null;
}

function onlyOneOf(one: string, other: string): StartupError {
  return new StartupError(`${one} and ${other} go together: set both, or none of them.`);
}

/** Returns the host names by which this machine, and no other, reaches a server on its loopback. */
function loopbackHosts({ host, publicUrl }: Values): string[] {
  const own = isIP(host) === 6 ? `[${host}]` : host.toLowerCase();
  const given = publicUrl === '' ? [] : [new URL(publicUrl).hostname];
  return [...new Set(['localhost', '127.0.0.1', '[::1]', own, ...given])];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
