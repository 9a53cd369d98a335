import { availableParallelism, hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { StartupError } from '../../src/errors.ts';

const project = path.resolve('project');

function messageOf(env: Record<string, string>): string {
  try {
    parseConfig(env, project);
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    return (error as Error).message;
  }
  throw new Error(`${JSON.stringify(env)} was accepted`);
}

describe('the configuration', () => {
  const defaults = {
    host: '127.0.0.1',
    knownHosts: ['localhost', '127.0.0.1', '[::1]'],
    port: 8000,
    dataDir: project,
    maxUploadBytes: 2 * 1024 ** 3,
    maxUploads: 256,
    maxDurationSeconds: 86_400,
    segmentSeconds: 4,
    segmentWaitSeconds: 9,
    audioLadder: [64_000, 128_000, 256_000].map((bitRate) => ({ codec: 'aac', bitRate })),
    concurrency: availableParallelism(),
    earlyEncoding: true,
    earlyUploads: availableParallelism(),
    analysis: true,
    maxWaiting: 1000,
    minFreeBytes: 268_435_456,
    keepOriginals: false,
    segmentCacheBytes: 268_435_456,
    apiKeys: [],
    allowAnonymous: false,
    streamSecret: null,
    rateLimit: 1200,
    uploadRateLimit: 120,
    trustProxy: false,
    publicUrl: '',
    corsOrigin: '*',
    shared: null,
    databaseUrl: null,
    s3Bucket: null,
    s3Endpoint: null,
    s3Region: 'us-east-1',
    s3AccessKeyId: null,
    s3SecretAccessKey: null,
    streamFrom: 'service',
    cdnUrl: null,
    s3PublicEndpoint: null,
    role: 'all',
    nodeName: hostname(),
    scratchBytes: 10 * 1024 ** 3,
    logLevel: 'info',
    sandbox: 'auto',
    ffmpegPath: 'ffmpeg',
    ffprobePath: 'ffprobe',
  };

  it('has a default for each variable that is not set', () => {
    expect(parseConfig({}, project)).toEqual(defaults);
  });

  it('ignores unknown variables', () => {
    expect(parseConfig({ PATH: '/bin', HOME: undefined, port: '1' }, project)).toEqual(defaults);
  });

  it.each(Object.keys(SETTINGS))('treats an empty %s as not set', (name) => {
    expect(parseConfig({ [name]: '' }, project)).toEqual(defaults);
  });

  it.each([
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'localhost', { host: 'localhost' }],
    ['HOST', '127.1.2.3', { host: '127.1.2.3', knownHosts: [...defaults.knownHosts, '127.1.2.3'] }],
    ['STREAM_SECRET', 's'.repeat(32), { streamSecret: 's'.repeat(32) }],
    ['RATE_LIMIT', 'off', { rateLimit: null }],
    ['UPLOAD_RATE_LIMIT', '7', { uploadRateLimit: 7 }],
    ['TRUST_PROXY', 'true', { trustProxy: true }],
    ['TRUST_PROXY', '10.0.0.0/8, ::1', { trustProxy: ['10.0.0.0/8', '::1'] }],
    ['PORT', '0', { port: 0 }],
    ['PORT', '65535', { port: 65_535 }],
    ['DATA_DIR', 'data', { dataDir: path.join(project, 'data') }],
    ['DATA_DIR', path.resolve('elsewhere'), { dataDir: path.resolve('elsewhere') }],
    ['MAX_UPLOAD_BYTES', '1', { maxUploadBytes: 1 }],
    ['SEGMENT_SECONDS', '1', { segmentSeconds: 1 }],
    ['SEGMENT_SECONDS', '2.5', { segmentSeconds: 2.5 }],
    ['SEGMENT_SECONDS', '30', { segmentSeconds: 30 }],
    ['SEGMENT_WAIT_SECONDS', '20', { segmentWaitSeconds: 20 }],
    ['AUDIO_LADDER', 'aac@64k', { audioLadder: [{ codec: 'aac', bitRate: 64_000 }] }],
    ['CONCURRENCY', '1', { concurrency: 1 }],
    ['EARLY_ENCODING', 'false', { earlyEncoding: false }],
    ['EARLY_UPLOADS', '3', { earlyUploads: 3 }],
    ['MAX_WAITING', '7', { maxWaiting: 7 }],
    ['MIN_FREE_BYTES', '0', { minFreeBytes: 0 }],
    ['KEEP_ORIGINALS', 'true', { keepOriginals: true }],
    ['KEEP_ORIGINALS', 'false', { keepOriginals: false }],
    ['SEGMENT_CACHE_BYTES', '0', { segmentCacheBytes: 0 }],
    [
      'PUBLIC_URL',
      'https://example.org/audio/',
      { publicUrl: 'https://example.org/audio', knownHosts: [...defaults.knownHosts, 'example.org'] },
    ],
    [
      'PUBLIC_URL',
      'http://10.0.0.1:8000',
      { publicUrl: 'http://10.0.0.1:8000', knownHosts: [...defaults.knownHosts, '10.0.0.1'] },
    ],
    ['CORS_ORIGIN', 'https://a.example', { corsOrigin: ['https://a.example'] }],
    [
      'CORS_ORIGIN',
      'https://a.example, http://b.example:8080',
      { corsOrigin: ['https://a.example', 'http://b.example:8080'] },
    ],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
    ['FFMPEG_PATH', '/opt/ffmpeg', { ffmpegPath: '/opt/ffmpeg' }],
    ['FFPROBE_PATH', '/opt/ffprobe', { ffprobePath: '/opt/ffprobe' }],
  ])('takes %s=%s', (name, value, expected) => {
    expect(parseConfig({ [name]: value }, project)).toEqual({ ...defaults, ...expected });
  });
});

const KEY = 'k'.repeat(32);

describe('API keys', () => {
  it('have names and keys', () => {
    const { apiKeys } = parseConfig({ API_KEYS: `phone:${KEY}, laptop:${KEY}=` }, project);
    expect(apiKeys).toEqual([
      { name: 'phone', key: KEY },
      { name: 'laptop', key: `${KEY}=` },
    ]);
  });

  it.each([
    ['API_KEYS', KEY],
    ['API_KEYS', 'phone:secret-but-short'],
    ['API_KEYS', `phone:${KEY},`],
    ['API_KEYS', `phone:${KEY},phone:${KEY}`],
    ['API_KEYS', `my phone:${KEY}`],
    ['API_KEYS', `phone:${KEY}ä`],
    ['STREAM_SECRET', 'secret-but-short'],
  ])('%s=%s is refused, and not shown', (name, value) => {
    const message = messageOf({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} is not valid: .*32`));
    expect(message).not.toContain(KEY);
    expect(message).not.toContain('short');
  });

  it.each(['0.0.0.0', '::', '192.168.1.4', 'example.org', '127.0.0.1.example.org'])(
    'are required if other machines can reach HOST=%s',
    (host) => {
      expect(messageOf({ HOST: host })).toMatch(/API_KEYS.*ALLOW_ANONYMOUS=true/);
      expect(parseConfig({ HOST: host, API_KEYS: `phone:${KEY}` }, project).host).toBe(host);
      expect(parseConfig({ HOST: host, ALLOW_ANONYMOUS: 'true' }, project).host).toBe(host);
    },
  );
});

describe('the host names of the API', () => {
  it.each([
    ['with keys', { API_KEYS: `phone:${KEY}` }],
    ['on a host that other machines can reach', { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' }],
  ])('are unrestricted %s', (_when, env) => {
    expect(parseConfig(env, project).knownHosts).toBe(null);
  });
});

const port = 'a whole number from 0 to 65535';
const bytes = `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`;
const seconds = 'a number of seconds from 1 to 30';
const origins = 'origins such as https://example.org';
const flag = '"true" or "false"';

describe('the message for a wrong variable has its name, its value and the allowed values', () => {
  it.each([
    ['PORT', '65536', port],
    ['PORT', '-1', port],
    ['PORT', '80a', port],
    ['PORT', '0x50', port],
    ['PORT', '8000.5', port],
    ['PORT', ' ', port],
    ['PORT', '1'.repeat(40), port],
    ['MAX_UPLOAD_BYTES', '0', bytes],
    ['MAX_UPLOAD_BYTES', '2GB', bytes],
    ['MAX_UPLOAD_BYTES', '9007199254740993', bytes],
    ['SEGMENT_SECONDS', '0', seconds],
    ['SEGMENT_SECONDS', '0.99', seconds],
    ['SEGMENT_SECONDS', '30.1', seconds],
    ['SEGMENT_SECONDS', '4s', seconds],
    ['SEGMENT_SECONDS', '1e1', seconds],
    ['SEGMENT_SECONDS', 'Infinity', seconds],
    ['SEGMENT_SECONDS', '-4', seconds],
    ['SEGMENT_WAIT_SECONDS', '0', 'a whole number from 1 to 3600'],
    ['AUDIO_LADDER', 'mp3@128k', 'aac@64k,aac@128k'],
    ['AUDIO_LADDER', 'aac@1k', 'aac@64k,aac@128k'],
    ['AUDIO_LADDER', 'aac@64k,aac@64k', 'none twice'],
    ['EARLY_UPLOADS', '0', 'a whole number from 1 to 1024'],
    ['EARLY_ENCODING', 'yes', flag],
    ['CONCURRENCY', '0', 'a whole number from 1 to 1024'],
    ['CONCURRENCY', '1025', 'a whole number from 1 to 1024'],
    ['CONCURRENCY', 'all', 'a whole number from 1 to 1024'],
    ['MAX_WAITING', '0', 'a whole number from 1 to 1000000'],
    ['MIN_FREE_BYTES', '1 GB', 'a whole number from 0'],
    ['MAX_WAITING', '-5', 'a whole number from 1 to 1000000'],
    ['KEEP_ORIGINALS', 'yes', flag],
    ['KEEP_ORIGINALS', 'TRUE', flag],
    ['KEEP_ORIGINALS', '1', flag],
    ...[
      'example.org',
      '/audio',
      'ftp://example.org',
      'https://example.org/?a',
      'https://me:pw@example.org',
    ].map((value): [string, string, string] => [
      'PUBLIC_URL',
      value,
      'an address such as https://example.org/audio',
    ]),
    ['CORS_ORIGIN', 'example.org', origins],
    ['CORS_ORIGIN', 'https://example.org/', origins],
    ['CORS_ORIGIN', 'https://example.org/path', origins],
    ['CORS_ORIGIN', 'https://a.example,,https://b.example', origins],
    ['CORS_ORIGIN', 'https://a.example,*', origins],
    ['ALLOW_ANONYMOUS', 'yes', flag],
    ['RATE_LIMIT', '0', 'a number of requests a minute, or "off"'],
    ['UPLOAD_RATE_LIMIT', 'none', 'a number of requests a minute, or "off"'],
    ...['2', '10.0.0.0/33', 'proxy.example', '10.0.0.1,'].map((value): [string, string, string] => [
      'TRUST_PROXY',
      value,
      'the addresses of proxies',
    ]),
    ['LOG_LEVEL', 'verbose', 'one of fatal, error, warn, info, debug, trace, silent'],
    ['LOG_LEVEL', 'INFO', 'one of fatal, error, warn, info, debug, trace, silent'],
  ])('%s=%s', (name, value, allowed) => {
    const message = messageOf({ [name]: value });
    expect(message).toContain(`${name}="${value}"`);
    expect(message).toContain(allowed);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('has a line for each wrong variable', () => {
    const lines = messageOf({ PORT: 'x', HOST: 'fine', LOG_LEVEL: 'loud', KEEP_ORIGINALS: 'no' }).split('\n');
    expect(lines).toHaveLength(3);
    for (const wrong of ['PORT="x"', 'LOG_LEVEL="loud"', 'KEEP_ORIGINALS="no"']) {
      expect(lines.filter((line) => line.includes(wrong))).toHaveLength(1);
    }
  });

  describe('of servers that share their engines', () => {
    const shared = { DATABASE_URL: 'postgres://app:hidden-word@db/audio', S3_BUCKET: 'tracks' };
    const keys = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };

    it('names the database and the bucket', () => {
      const config = parseConfig(
        { ...shared, ...keys, S3_ENDPOINT: 'http://127.0.0.1:9000', ROLE: 'api' },
        project,
      );
      expect(config.shared).toEqual({
        databaseUrl: shared.DATABASE_URL,
        bucket: 'tracks',
        endpoint: 'http://127.0.0.1:9000',
        region: 'us-east-1',
        credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
        direct: null,
      });
      expect(config.role).toBe('api');
      expect(parseConfig(shared, project).shared?.credentials).toBeNull();
    });

    it.each([
      [{}, { publicUrl: null, endpoint: null }],
      [{ CDN_URL: 'https://cdn.example/a/' }, { publicUrl: 'https://cdn.example/a', endpoint: null }],
      [{ S3_PUBLIC_ENDPOINT: 'https://s3.example' }, { publicUrl: null, endpoint: 'https://s3.example' }],
    ])('lets clients read the bucket with STREAM_FROM=s3 and %j', (env, direct) => {
      const config = parseConfig({ ...shared, STREAM_FROM: 's3', ...env }, project);
      expect(config.shared?.direct).toEqual(direct);
    });

    it.each([
      [{ DATABASE_URL: shared.DATABASE_URL }, 'DATABASE_URL and S3_BUCKET go together'],
      [{ S3_BUCKET: 'tracks' }, 'DATABASE_URL and S3_BUCKET go together'],
      [{ ...shared, S3_ACCESS_KEY_ID: 'id' }, 'S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together'],
      [{ ...shared, DATABASE_URL: 'mysql://app:hidden-word@db/audio' }, 'DATABASE_URL is not valid'],
      [{ ROLE: 'encode' }, 'ROLE="encode" is for servers that share a database and a bucket'],
      [
        { STREAM_FROM: 's3' },
        'STREAM_FROM="s3" is for servers that keep segments in a bucket. Set S3_BUCKET',
      ],
      [{ ...shared, CDN_URL: 'https://cdn.example' }, 'has no effect without STREAM_FROM=s3'],
      [{ ...shared, S3_PUBLIC_ENDPOINT: 'https://s3.example' }, 'has no effect without STREAM_FROM=s3'],
      [
        {
          ...{ ...shared, STREAM_FROM: 's3', CDN_URL: 'https://cdn.example' },
          S3_PUBLIC_ENDPOINT: 'https://s3.example',
        },
        'CDN_URL and S3_PUBLIC_ENDPOINT exclude each other',
      ],
      [
        {
          ...{ ...shared, STREAM_FROM: 's3', CDN_URL: 'https://cdn.example' },
          STREAM_SECRET: 'hidden-word'.repeat(3),
        },
        'Anybody may read what is below CDN_URL="https://cdn.example", without the links that STREAM_SECRET requires',
      ],
    ])('refuses %j with a sentence that tells no password', (env, sentence) => {
      expect(messageOf(env)).toContain(sentence);
      expect(messageOf(env)).not.toContain('hidden-word');
    });
  });
});
