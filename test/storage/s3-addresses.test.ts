/** Addresses of segments at the bucket: how they are signed, how long they are equal, and when there are none. */
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { publicAddresses, signedAddresses } from '../../src/storage/s3-addresses.ts';
import { createPresigner } from '../../src/storage/s3-presigned.ts';

const HOME = '7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21';
const NAME = 'aac-128k-3f9a2c1b-00001.m4s';
const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

describe('a signed address', () => {
  it('has the signature of the example in the documentation of AWS', () => {
    const presign = createPresigner({
      bucket: new URL('https://examplebucket.s3.amazonaws.com'),
      region: 'us-east-1',
      credentials: CREDENTIALS,
      from: new Date('2013-05-24T00:00:00Z'),
      seconds: 86_400,
    });
    expect(new URL(presign('test.txt')).searchParams.get('X-Amz-Signature')).toBe(
      'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it.each([
    ['with keys', {}],
    ['with temporary credentials', { sessionToken: 'a+token/with=all' }],
  ])('equals that of the SDK %s', async (_which, more) => {
    const credentials = { ...CREDENTIALS, ...more };
    const from = new Date('2026-03-01T10:15:00Z');
    const presign = createPresigner({
      bucket: new URL('http://s3.example.org:9000/under/tracks'),
      region: 'eu-central-1',
      credentials,
      from,
      seconds: 2100,
    });
    const client = new S3Client({ region: 'eu-central-1', credentials });
    const signer = await client.config.signer({
      name: 'sigv4',
      signingName: 's3',
      signingRegion: 'eu-central-1',
      properties: {},
    });
    // A query, the way of `@aws-sdk/s3-request-presigner`.
    const { query } = await (signer as unknown as PresigningSigner).presign(
      {
        method: 'GET',
        protocol: 'http:',
        hostname: 's3.example.org',
        port: 9000,
        path: '/under/tracks/segments/Gr%C3%BC%C3%9Fe%20%231%20%27%28x%29%21.mp3/a.m4s',
        headers: { host: 's3.example.org:9000', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
        query: {},
      },
      {
        expiresIn: 2100,
        signingDate: from,
        unhoistableHeaders: new Set(['x-amz-content-sha256']),
        unsignableHeaders: new Set(['x-amz-content-sha256']),
      },
    );
    const signed = new URL(presign("segments/Grüße #1 '(x)!.mp3/a.m4s"));
    expect(Object.fromEntries(signed.searchParams)).toEqual(query);
    expect(signed.pathname).toBe('/under/tracks/segments/Gr%C3%BC%C3%9Fe%20%231%20%27%28x%29%21.mp3/a.m4s');
    client.destroy();
  });
});

interface PresigningSigner {
  presign(request: object, options: object): Promise<{ query: Record<string, string> }>;
}

describe('signed addresses', () => {
  const start = new Date('2026-03-01T10:20:00Z');
  const at = (time: string) => vi.setSystemTime(`2026-03-01T${time}Z`);
  beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: start }));
  afterEach(() => vi.useRealTimers());

  const signing = (credentials: () => Promise<typeof CREDENTIALS & { expiration?: Date }>) =>
    signedAddresses({ bucket: new URL('https://s3.example/tracks'), region: 'us-east-1', credentials });
  /** Milliseconds since 1970 at which an address begins and ends to be valid. */
  const validity = (address: string | undefined) => {
    const { searchParams } = new URL(address ?? '');
    const [, date, time] = /^(.{8})T(.{6})Z$/.exec(searchParams.get('X-Amz-Date') ?? '') ?? [];
    const from = Date.parse(
      `${date?.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time?.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`,
    );
    return { from, to: from + Number(searchParams.get('X-Amz-Expires')) * 1000 };
  };

  it('are equal for a quarter of an hour, and valid for one more, for a server whose clock is behind too', async () => {
    const { of, origin, folderOf } = await signing(async () => CREDENTIALS);
    const first = of(HOME, NAME);
    expect(first).toMatch(`https://s3.example/tracks/segments/${HOME}/${NAME}?`);
    expect(origin).toBe('https://s3.example');
    expect(folderOf(HOME)).toBeUndefined();
    expect(validity(first)).toEqual({
      from: Date.parse('2026-03-01T10:10:00Z'),
      to: Date.parse('2026-03-01T10:45:00Z'),
    });
    at('10:29:59');
    expect(of(HOME, NAME)).toBe(first);
    at('10:30:00');
    expect(of(HOME, NAME)).toBe(first);
    await vi.waitFor(() => expect(of(HOME, NAME)).not.toBe(first));
    expect(validity(of(HOME, NAME)).to).toBe(Date.parse('2026-03-01T11:00:00Z'));
  });

  it('are none after a pause until they are renewed, and none while there are no credentials', async () => {
    let isAway = false;
    let asked = 0;
    const { of } = await signing(async () => {
      asked++;
      if (isAway) throw new Error('no credentials');
      return CREDENTIALS;
    });
    isAway = true;
    at('10:43:59');
    expect(of(HOME, NAME)).toBeDefined();
    at('10:44:00');
    expect(of(HOME, NAME)).toBeUndefined();
    await vi.waitFor(() => {
      of(HOME, NAME);
      expect(asked).toBeGreaterThan(2);
    });
    expect(of(HOME, NAME)).toBeUndefined();
    isAway = false;
    await vi.waitFor(() => expect(of(HOME, NAME)).toBeDefined());
  });

  it('end with temporary credentials, and are renewed when the SDK has new ones', async () => {
    let expiration = new Date('2026-03-01T10:26:00Z');
    const { of } = await signing(async () => ({ ...CREDENTIALS, expiration }));
    const first = of(HOME, NAME);
    expect(first).toBeDefined();
    at('10:25:00');
    expect(of(HOME, NAME)).toBeUndefined();
    expiration = new Date('2026-03-01T11:26:00Z');
    await vi.waitFor(() => expect(of(HOME, NAME)).toBeDefined());
  });

  it('refuse names that lead elsewhere', async () => {
    const { of } = await signing(async () => CREDENTIALS);
    expect(() => of(HOME, '../../originals/x')).toThrow('no name of a segment');
    expect(() => of('..', NAME)).toThrow('no name of a segment');
  });
});

describe('public addresses', () => {
  it('are below the address of the CDN, also with characters that templates know', () => {
    const { of, folderOf, origin } = publicAddresses('https://cdn.example/$audio');
    expect(folderOf(HOME)).toBe(`https://cdn.example/%24audio/segments/${HOME}/`);
    expect(of('Grüße #1.mp3', NAME)).toBe(
      `https://cdn.example/%24audio/segments/Gr%C3%BC%C3%9Fe%20%231.mp3/${NAME}`,
    );
    expect(origin).toBe('https://cdn.example');
  });
});
