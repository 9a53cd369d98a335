/** A storage in a bucket of a real S3 server. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { openDiskLibrary } from '../../src/library/disk.ts';
import { sweep } from '../../src/pipeline/janitor.ts';
import { receiveInto } from '../../src/pipeline/receive.ts';
import { openS3Storage, type S3StorageOptions } from '../../src/storage/s3.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { startFaultProxy } from '../../testkit/fault-proxy.ts';
import { bucketOptions, s3Client } from '../../testkit/s3-server.ts';
import { storageContract } from '../contracts/storage.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { temporaryFolder } from '../support/folders.ts';
import { collectGarbage } from '../support/garbage.ts';
import { freshBucket, hasS3 } from '../support/on-engines.ts';

const MIB = 1024 ** 2;
const HOME = '7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21';
const FIRST = 'aac-128k-3f9a2c1b-00001.m4s';
const SECOND = 'aac-128k-3f9a2c1b-00002.m4s';
/** Of a server that does not answer. */
const SHORT = { connectionMs: 600, requestMs: 600, callMs: 1500, idleMs: 600, largeRequestMs: 600 };
/** Tries a call that the short limits may end on a busy machine. */
const untilWell = <T>(call: () => Promise<T>): Promise<T> =>
  vi.waitFor(call, { timeout: 30_000, interval: 100 });
const UNAVAILABLE = { code: 'storage_unavailable', status: 503 };

async function freshOptions(): Promise<S3StorageOptions & { client: S3Client }> {
  const env = await freshBucket();
  const client = s3Client(env);
  atEndOfFile(async () => client.destroy());
  return {
    client,
    ...bucketOptions(env),
    scratchFolder: path.join(await temporaryFolder(), 'scratch'),
    scratchBytes: 1024 ** 3,
  };
}

/** A storage, another one of another node, and a look into their bucket. */
async function rig(changes: Partial<S3StorageOptions> = {}) {
  const { client, ...options } = { ...(await freshOptions()), ...changes };
  const { bucket: Bucket } = options;
  const other = { ...options, scratchFolder: `${options.scratchFolder}-2` };
  return {
    client,
    options,
    storage: await openS3Storage(options),
    openOther: () => openS3Storage(other),
    keys: async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
      return Contents.map(({ Key }) => Key);
    },
    multiparts: async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      return Uploads.length;
    },
    head: (Key: string) => client.send(new HeadObjectCommand({ Bucket, Key })),
    scratch: () => readdir(options.scratchFolder),
  };
}

/** A storage whose server can be made to fail. */
async function faultyRig({ limits = SHORT }: { limits?: Partial<typeof SHORT> } = {}) {
  const { endpoint, ...options } = await freshOptions();
  const proxy = await startFaultProxy(Number(new URL(endpoint as string).port));
  atEndOfFile(() => proxy.close());
  return { ...(await rig({ ...options, endpoint: `http://127.0.0.1:${proxy.port}`, limits })), proxy };
}

async function* streamOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function upload(storage: Storage, ...chunks: Buffer[]): Promise<string> {
  const received = await receiveInto(await storage.beginUpload(), streamOf(...chunks));
  await received.durable;
  return received.upload;
}

describe.runIf(hasS3)('a storage in a bucket', () => {
  storageContract(async () => {
    const options = await freshOptions();
    return { storage: await openS3Storage(options), reopen: () => openS3Storage(options) };
  });
});

describe.runIf(hasS3)('objects in the bucket', () => {
  it('are an original in parts of 8 MiB, and nothing before it is whole', async () => {
    const { storage, keys, multiparts, head } = await rig();
    const arriving = await storage.beginUpload();
    const hash = createHash('sha256');
    for (let n = 0; n < 20; n++) {
      const chunk = Buffer.alloc(MIB, n);
      hash.update(chunk);
      await arriving.write(chunk);
    }
    await vi.waitFor(async () => expect(await multiparts()).toBe(1));
    expect(await keys()).toEqual([]);
    const { durable, sha256 } = await arriving.finish();
    await durable;
    expect(sha256).toBe(hash.digest('hex'));
    const key = `originals/${arriving.upload}`;
    expect(await keys()).toEqual([key]);
    expect(await head(key)).toMatchObject({
      ContentLength: 20 * MIB,
      ETag: expect.stringMatching(/-3"$/),
    });
    expect(await multiparts()).toBe(0);
  });

  it('are an original of 8 MiB in one piece', async () => {
    const { storage, head } = await rig();
    const { ETag } = await head(`originals/${await upload(storage, Buffer.alloc(8 * MIB))}`);
    expect(ETag).toMatch(/^"[0-9a-f]{32}"$/);
  });

  it('are its copy, segments and a manifest that leads to them', async () => {
    const { storage, keys, head } = await rig();
    const name = await upload(storage, Buffer.from('audio'));
    await storage.makeSeekableCopy(name, (file) => writeFile(file, 'copy'));
    await storage.putSegment(HOME, FIRST, Buffer.from('one'));
    let base = '';
    await storage.putManifest(HOME, (segmentBase) => {
      base = segmentBase;
      return '<MPD/>';
    });
    const manifest = `manifests/${HOME}.mpd`;
    const segment = `segments/${HOME}/${FIRST}`;
    expect(await keys()).toEqual([manifest, `originals/${name}`, `originals/${name}.flac`, segment]);
    const addressOf = (key: string) => new URL(key, 'http://bucket.example/').href;
    expect(new URL(base + FIRST, addressOf(manifest)).href).toBe(addressOf(segment));
    expect((await head(segment)).ContentType).toBe('audio/mp4');
    expect((await head(manifest)).ContentType).toBe('application/dash+xml');
    await storage.removeHome(HOME);
    await storage.removeUpload(name);
    expect(await keys()).toEqual([]);
  });

  it('show the janitor a manifest without segments', async () => {
    const { storage, keys } = await rig();
    await storage.putManifest(HOME, () => '<MPD/>');
    expect((await storage.listHomes()).map(({ home }) => home)).toEqual([HOME]);
    await storage.removeHome(HOME);
    expect(await keys()).toEqual([]);
  });

  it('are more than a list has on one page', async () => {
    const { storage, keys } = await rig({ limits: { keysPerPage: 10 } });
    const names = Array.from({ length: 25 }, (_, n) =>
      FIRST.replace('00001', String(n + 1).padStart(5, '0')),
    );
    const stage = await storage.stage();
    for (const name of names) await stage.put(name, Buffer.from('x'));
    await stage.adopt(HOME, new Map(names.map((name) => [name, name])));
    await stage.discard();
    expect((await storage.listSegments(HOME)).map(({ name }) => name).sort()).toEqual(names);
    expect(await storage.syncSegments(HOME, [...names, SECOND.replace('aac', 'gone')])).toHaveLength(1);
    await storage.removeHome(HOME);
    expect(await keys()).toEqual([]);
    for (const name of names) await storage.putSegment(name, name, Buffer.from('x'));
    expect((await storage.listHomes()).map(({ home }) => home)).toEqual(names);
  });
});

describe.runIf(hasS3)('an upload', () => {
  it('keeps the memory flat, also while its server is behind', async () => {
    const { storage, proxy } = await faultyRig({ limits: {} });
    const kept = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const chunk = Buffer.alloc(MIB, 1);
    const before = kept();
    let most = 0;
    const arriving = await storage.beginUpload();
    await proxy.set('hang');
    for (let n = 0; n < 160; n++) {
      await arriving.write(chunk);
      if (n % 32 === 31) most = Math.max(most, kept());
    }
    await proxy.set('pass');
    const { durable } = await arriving.finish();
    most = Math.max(most, kept());
    await durable;
    most = Math.max(most, kept());
    // Two parts of 8 MiB on their way, as they were read and as they are sent.
    expect(most - before).toBeLessThan(48 * MIB);
    await storage.removeUpload(arriving.upload);
  });

  it('that is discarded leaves no parts', async () => {
    const { storage, multiparts, scratch } = await rig();
    const arriving = await storage.beginUpload();
    for (let n = 0; n < 20; n++) await arriving.write(Buffer.alloc(MIB));
    await vi.waitFor(async () => expect(await multiparts()).toBe(1));
    await arriving.discard();
    expect([await multiparts(), await scratch()]).toEqual([0, []]);
  });

  it.each([1, 20])('of %i MiB that is removed before it is durable leaves nothing', async (mib) => {
    const { storage, keys, multiparts, scratch } = await rig();
    const arriving = await storage.beginUpload();
    for (let n = 0; n < mib; n++) await arriving.write(Buffer.alloc(MIB));
    const { durable } = await arriving.finish();
    await storage.removeUpload(arriving.upload);
    await durable.catch(() => {});
    expect([await keys(), await multiparts(), await scratch()]).toEqual([[], 0, []]);
  });

  it('that a killed node has left is swept once it is old', async () => {
    const { storage, openOther, multiparts } = await rig();
    const arriving = await storage.beginUpload();
    for (let n = 0; n < 20; n++) await arriving.write(Buffer.alloc(MIB));
    await vi.waitFor(async () => expect(await multiparts()).toBe(1));
    const library = await openDiskLibrary(await temporaryFolder());
    const janitor = { library, storage: await openOther(), log: pino({ level: 'silent' }) };
    await sweep(janitor, { ageMs: 3_600_000 });
    expect(await multiparts()).toBe(1);
    // In the future: the server dates it by whole seconds.
    await sweep(janitor, { ageMs: -1000 });
    expect(await multiparts()).toBe(0);
    await arriving.discard();
  });
});

describe.runIf(hasS3)('a local copy', () => {
  it('is there without a download on the node that received the upload, and private', async () => {
    const { storage, proxy, scratch, options } = await faultyRig();
    const name = await upload(storage, Buffer.from('audio'));
    await proxy.set('cut');
    expect(await storage.usingUpload(name, (file) => readFile(file, 'utf8'))).toBe('audio');
    for (const file of await scratch()) {
      expect((await stat(path.join(options.scratchFolder, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('of the original and of its copy is fetched by another node', async () => {
    const { storage, openOther } = await rig();
    const whole = Buffer.concat(Array.from({ length: 10 }, (_, n) => Buffer.alloc(MIB, n)));
    const name = await upload(storage, whole);
    await storage.makeSeekableCopy(name, (file) => writeFile(file, 'copy'));
    const other = await openOther();
    const read = await other.usingUpload(name, (file) => readFile(file));
    expect(read.equals(whole)).toBe(true);
    const source = { upload: name, hasSeekableCopy: true };
    expect(await other.usingSource(source, (file) => readFile(file, 'utf8'))).toBe('copy');
    await storage.removeSeekableCopy(name);
    await expect((await openOther()).usingSource(source, readFile)).rejects.toThrow('not stored');
  });

  it('makes way for others', async () => {
    const { storage, scratch } = await rig({ scratchBytes: 3 * MIB });
    const names: string[] = [];
    for (let n = 0; n < 5; n++) names.push(await upload(storage, Buffer.alloc(MIB, n)));
    await vi.waitFor(async () => expect(await scratch()).toHaveLength(3), { timeout: 10_000 });
    for (const [n, name] of names.entries()) {
      expect((await storage.usingUpload(name, (file) => readFile(file)))[0]).toBe(n);
    }
    expect((await storage.room()).bytes).toBe(3 * MIB);
  });

  it('that cannot be made leaves nothing', async () => {
    const { storage, keys, scratch } = await rig();
    const name = await upload(storage, Buffer.from('audio'));
    const copied = storage.makeSeekableCopy(name, async (file) => {
      await writeFile(file, 'half');
      throw new Error('no luck');
    });
    await expect(copied).rejects.toThrow('no luck');
    expect([await keys(), (await scratch()).length]).toEqual([[`originals/${name}`], 1]);
  });
});

describe.runIf(hasS3)('a start', () => {
  it.each<[string, Partial<S3StorageOptions>, RegExp]>([
    [
      'without its bucket',
      { bucket: 'missing' },
      /bucket "missing" \(S3_BUCKET\) does not exist at .*aws s3api create-bucket --bucket missing --endpoint-url http/,
    ],
    ['with a wrong key', { accessKeyId: 'WRONG' }, /does not accept the credentials .*S3_ACCESS_KEY_ID/],
    [
      'with a wrong secret',
      { secretAccessKey: 'WRONG' },
      /does not accept the credentials .*S3_SECRET_ACCESS_KEY/,
    ],
    [
      'at a wrong address',
      { endpoint: 'http://127.0.0.1:1' },
      /127\.0\.0\.1:1 does not answer .*Check S3_ENDPOINT/,
    ],
  ])('%s is refused with a sentence', async (_what, changes, sentence) => {
    const { client: _, ...options } = await freshOptions();
    const opening = openS3Storage({ ...options, ...changes });
    await expect(opening).rejects.toMatchObject({
      name: 'StartupError',
      message: expect.stringMatching(sentence),
    });
  });
});

describe.runIf(hasS3).each(['cut', 'hang', 'slow-down'] as const)('a server at fault: %s', (fault) => {
  it('is a 503 for every call, in time, and forgotten when it is well again', async () => {
    const { storage, proxy } = await faultyRig();
    const name = await untilWell(() => upload(storage, Buffer.from('audio')));
    await untilWell(() => storage.putSegment(HOME, FIRST, Buffer.from('one')));
    const stage = await storage.stage();
    await stage.put('1', Buffer.from('two'));
    await proxy.set(fault);
    const begun = performance.now();
    const calls: Record<string, () => Promise<unknown>> = {
      read: () => storage.readSegment(HOME, FIRST),
      // Under a name of its own: what was given up may still arrive when the server is well again.
      put: () => storage.putSegment(HOME, FIRST.replace('00001', '00003'), Buffer.from('two')),
      list: () => storage.listSegments(HOME),
      sync: () => storage.syncSegments(HOME, [FIRST]),
      adopt: () => stage.adopt(HOME, new Map([['1', SECOND]])),
      homes: () => storage.listHomes(),
      removeHome: () => storage.removeHome(HOME),
      uploads: () => storage.listUploads(),
      has: () => storage.hasUpload(name),
      writable: () => storage.assertWritable(),
      receive: () => upload(storage, Buffer.from('audio')),
      copy: () => storage.makeSeekableCopy(name, (file) => writeFile(file, 'copy')),
    };
    const outcomes = await Promise.allSettled(Object.values(calls).map((call) => call()));
    for (const [n, call] of Object.keys(calls).entries()) {
      expect(outcomes[n], call).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
    }
    // `SHORT` allows a call 1.5 s, and `writable` makes two. Without limits they would take minutes.
    expect(performance.now() - begun).toBeLessThan(15_000);
    await proxy.set('pass');
    expect(await untilWell(() => storage.readSegment(HOME, FIRST))).toEqual(Buffer.from('one'));
    expect(await untilWell(() => storage.usingUpload(name, (file) => readFile(file, 'utf8')))).toBe('audio');
  });
});

it.runIf(hasS3)('a slow server is waited for', async () => {
  const { storage, proxy } = await faultyRig();
  await proxy.set({ delayMs: 100 });
  const name = await upload(storage, Buffer.alloc(20 * MIB));
  await storage.putSegment(HOME, FIRST, Buffer.from('one'));
  expect(await storage.readSegment(HOME, FIRST)).toEqual(Buffer.from('one'));
  await storage.removeUpload(name);
});

describe.runIf(hasS3)('a download', () => {
  async function elsewhere() {
    const faulty = await faultyRig();
    const { storage, openOther, options } = faulty;
    const whole = Buffer.alloc(64 * MIB, 1);
    const name = await untilWell(() => upload(storage, whole));
    const other = await untilWell(openOther);
    const folder = `${options.scratchFolder}-2`;
    const hasBegun = async () => {
      const [file = 'none yet'] = await readdir(folder);
      expect((await stat(path.join(folder, file))).size).toBeGreaterThan(0);
    };
    return { ...faulty, name, whole, other, folder, hasBegun };
  }

  it('that is cut leaves nothing, and is tried again', async () => {
    const { proxy, name, whole, other, folder, hasBegun } = await elsewhere();
    const used = other.usingUpload(name, (file) => readFile(file));
    const cut = expect(used).rejects.toMatchObject(UNAVAILABLE);
    await vi.waitFor(hasBegun, { interval: 1, timeout: 10_000 });
    await proxy.set('cut');
    await cut;
    expect(await readdir(folder)).toEqual([]);
    await proxy.set('pass');
    const again = await untilWell(() => other.usingUpload(name, (file) => readFile(file)));
    expect(again.equals(whole)).toBe(true);
  });

  it('on which nothing moves ends by itself, or with the signal of who waits for it', async () => {
    const { proxy, name, other, folder, hasBegun } = await elsewhere();
    const dead = expect(other.usingUpload(name, readFile)).rejects.toMatchObject(UNAVAILABLE);
    await vi.waitFor(hasBegun, { interval: 1, timeout: 10_000 });
    await proxy.set('hang');
    await dead;
    const client = new AbortController();
    const left = new Error('the track was deleted');
    const used = expect(other.usingUpload(name, readFile, client)).rejects.toBe(left);
    client.abort(left);
    await used;
    await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), { timeout: 10_000 });
    await proxy.set('pass');
  });
});
