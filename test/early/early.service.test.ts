/** Uploads over HTTP that are encoded while they arrive: the same tracks as without, sooner. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, noise, wav } from '../support/audio.ts';
import { getManifest, request, settled, until, upload } from '../support/client.ts';
import { withTotalSamples } from '../support/flac.ts';
import { hugeRiff } from '../support/hostile.ts';
import { decodeTrack, expectOnTimeline, expectSoundAt } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { adoptedOn, stagedOn, untilNoEarlyEncodes, uploadSlowly } from '../support/slow-upload.ts';

const ENV = { SEGMENT_SECONDS: '1', LOG_LEVEL: 'debug' };
const sound = noise({ samples: 8 * 44_100, channels: 2, seed: 51 });
const mp3 = () => audioFile('song.mp3', sound, ['-b:a', '320k']);

let early: TestServer;
let usual: TestServer;
beforeAll(async () => {
  [early, usual] = await Promise.all([startServer(ENV), startServer({ ...ENV, EARLY_ENCODING: 'false' })]);
});

describe('an upload that arrives slowly', () => {
  it('is shown by nothing before it is accepted, and is a whole track then', async () => {
    const server = await startServer(ENV);
    const stages: string[][] = [];
    const { status, body } = await uploadSlowly(server, await mp3(), {
      async isEnough() {
        const staged = await stagedOn(server);
        if (staged.length < 4) return false;
        stages.push(staged);
        expect((await request(`${server.url}/files`)).body).toEqual([]);
        expect(await readdir(path.join(server.dataDir, 'manifests'))).toEqual([]);
        expect(server.services.governor.usage().earlyEncodes).toBe(1);
        return true;
      },
    });
    expect(status).toBe(201);
    expect(stages).toHaveLength(1);
    expect(adoptedOn(server)).toBeGreaterThanOrEqual(4);
    const manifest = await getManifest(server.url, body);
    await expectOnTimeline(manifest, body.samples);
    await untilNoEarlyEncodes(server);
  });

  it('is playable when it is answered, and its first segment is in hand at once', async () => {
    const server = await startServer(ENV);
    const { status, body } = await uploadSlowly(server, await mp3(), { query: '' });
    expect(status).toBe(201);
    const [first] = (await getManifest(server.url, body)).segments;
    expect((await fetch(first?.url as string)).status).toBe(200);
  });

  it('leaves nothing where its client goes', async () => {
    const server = await startServer(ENV);
    const client = new AbortController();
    const sending = uploadSlowly(server, await mp3(), {
      signal: client.signal,
      async isEnough() {
        if ((await stagedOn(server)).length > 0) client.abort(new Error('the client goes'));
        return false;
      },
    });
    await expect(sending).rejects.toThrow();
    await untilNoEarlyEncodes(server);
    await until(async () => expect(await readdir(path.join(server.dataDir, 'uploads'))).toEqual([]));
    expect(await readdir(path.join(server.dataDir, 'segments'))).toEqual([]);
  });

  it('of bytes that are here already leaves nothing', async () => {
    const server = await startServer(ENV);
    const first = await uploadSlowly(server, await mp3());
    const adopted = adoptedOn(server);
    const again = await uploadSlowly(server, await mp3());
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(adoptedOn(server)).toBe(adopted);
    await untilNoEarlyEncodes(server);
  });

  it('at the same time as another one of the same bytes gives one track', async () => {
    const server = await startServer(ENV);
    const file = await mp3();
    const answers = await Promise.all([uploadSlowly(server, file), uploadSlowly(server, file)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 201]);
    const [one, other] = answers.map(({ body }) => body.filename);
    expect(one).toBe(other);
    await untilNoEarlyEncodes(server);
  });

  it('does not hold up a server that stops', async () => {
    const server = await startServer(ENV);
    let closed: Promise<void> | undefined;
    const sending = uploadSlowly(server, await mp3(), {
      async isEnough() {
        if ((await stagedOn(server)).length === 0) return false;
        closed ??= server.close();
        return true;
      },
    });
    await sending.catch(() => {});
    await closed;
    expect(server.services.governor.usage().earlyEncodes).toBe(0);
    expect(await stagedOn(server)).toEqual([]);
  });
});

describe('a source that is not what its beginning seems to be is taken as without early encoding', () => {
  const read = async (name: string, options: string[] = []) =>
    readFile(await audioFile(name, sound, options));
  const noFrames = Buffer.alloc(150_000, 'no frame');

  const sources: Record<string, () => Promise<{ name: string; bytes: Buffer }>> = {
    'an MP3 whose end is no MP3': async () => {
      return { name: 'end.mp3', bytes: Buffer.concat([await read('a.mp3', ['-b:a', '320k']), noFrames]) };
    },
    'an MP3 with zeros in its middle': async () => {
      const bytes = await read('a.mp3', ['-b:a', '320k']);
      const from = Math.floor(0.8 * bytes.length);
      return { name: 'zeros.mp3', bytes: Buffer.from(bytes).fill(0, from, from + 20_000) };
    },
    'an MP3 that goes on at another rate, in mono': async () => {
      const slower = noise({ samples: 4 * 24_000, sampleRate: 24_000, seed: 52 });
      const rest = await readFile(await audioFile('slower.mp3', slower, ['-b:a', '64k']));
      return { name: 'rates.mp3', bytes: Buffer.concat([await read('a.mp3', ['-b:a', '320k']), rest]) };
    },
    'ADTS that is followed by FLAC': async () => {
      const parts = [await read('a.aac', ['-b:a', '320k']), await read('a.flac')];
      return { name: 'both.aac', bytes: Buffer.concat(parts) };
    },
    'a FLAC that ends before its header says': async () => {
      const bytes = await read('a.flac');
      return { name: 'cut.flac', bytes: bytes.subarray(0, bytes.length * 0.7) };
    },
    'a FLAC that goes on after its header says': async () => {
      return { name: 'longer.flac', bytes: withTotalSamples(await read('a.flac'), 5 * 44_100) };
    },
    'an M4A with its index at the end': async () => {
      return { name: 'index-last.m4a', bytes: await read('a.m4a', ['-b:a', '320k']) };
    },
    'a WAV with two pieces of sound, of which ffmpeg reads the last one in a file': async () => {
      const first = wav(noise({ samples: 8 * 44_100, channels: 2, seed: 53 }));
      const second = wav(sound).subarray(36);
      return { name: 'two.wav', bytes: Buffer.concat([first, second]) };
    },
    'an MP3 whose header declares half of it': async () => {
      const bytes = Buffer.from(await read('vbr.mp3', ['-q:a', '0']));
      const frames = bytes.indexOf('Xing') + 8;
      bytes.writeUInt32BE(Math.floor(bytes.readUInt32BE(frames) / 2), frames);
      return { name: 'half.mp3', bytes };
    },
    'a WAV whose header claims hours': async () => ({ name: 'huge.wav', bytes: hugeRiff(8 * 44_100) }),
    'a WebM, in which ffmpeg cannot seek to the sample': async () => {
      return { name: 'a.webm', bytes: await read('a.webm', ['-c:a', 'libopus', '-b:a', '256k']) };
    },
  };

  it.each(Object.entries(sources))('%s', async (_what, make) => {
    const file = await make();
    // Where nothing is staged by then, the upload goes on as long as it is sent by drops.
    const looked = async () => (await stagedOn(early)).some((name) => !name.endsWith('init'));
    const isEnough = looksAtMost(15, looked);
    // The length has to be right as soon as it is told.
    const query = '';
    const [one, other] = [
      await uploadSlowly(early, file, { isEnough, query }),
      await upload(usual.url, file, query),
    ];
    expect([one.status, one.body.code]).toEqual([other.status, other.body.code]);
    await untilNoEarlyEncodes(early);
    if (one.status !== 201) return;
    const { samples, sampleRate, channels, source } = one.body;
    const { body } = other;
    expect({ samples, sampleRate, channels, source }).toEqual({
      samples: body.samples,
      sampleRate: body.sampleRate,
      channels: body.channels,
      source: body.source,
    });
    // Runs may find the end elsewhere than the headers say.
    const ends = [await settled(early.url, one.body.filename), await settled(usual.url, body.filename)];
    expect(ends[0]?.samples).toBe(ends[1]?.samples);
    const manifests = [await getManifest(early.url, one.body), await getManifest(usual.url, body)] as const;
    await expectOnTimeline(manifests[0], ends[0]?.samples as number);
    const [mine, theirs] = await Promise.all(manifests.map((manifest) => decodeTrack(manifest)));
    expect(mine?.length).toBe(theirs?.length);
    const starts = manifests[0].segments.map(({ start }) => start);
    expectSoundAt(starts, { actual: mine as Int16Array, reference: theirs as Int16Array, of: file.name });
  });
});

/** Tells true after so many looks, whatever they see. */
function looksAtMost(count: number, look: () => Promise<boolean>): () => Promise<boolean> {
  let looks = 0;
  return async () => ++looks >= count || look();
}
