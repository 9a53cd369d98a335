/** A machine that is not well: what waits, what goes on, and that it mends without a restart. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { audioFile, noise, wav } from '../support/audio.ts';
import { getManifest, getTrack, type Problem, request, settled, until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { decodeTrack, expectOnTimeline } from '../support/on-timeline.ts';
import { samplesOf, startServerWith } from '../support/prepared.ts';
import { isThere } from '../support/requirement.ts';

import { startServer, type TestServer } from '../support/server.ts';

const run = promisify(execFile);

interface Ready {
  status: string;
  checks: Record<string, { ok: boolean; detail?: string }>;
  sandbox: { mode: string };
  damagedTracks: string[];
}
const readyz = (server: TestServer) => request<Ready>(`${server.url}/readyz`);
const sound = (name: string, seed: number, samples = 50_000) => ({
  name,
  bytes: wav(noise({ samples, seed })),
});
const uploadsOf = (server: TestServer) => readdir(path.join(server.dataDir, 'uploads'));

describe('an ffmpeg that', () => {
  const working = 'exec ffmpeg "$@"';
  const whenEncoding = (does: string) => `case "$*" in *frag_duration*) ${does};; esac; ${working}`;
  /** ffmpeg and ffprobe that can be replaced while the server runs. */
  async function replaceable() {
    const folder = await temporaryFolder();
    const replace = async (name: 'ffmpeg' | 'ffprobe', body: string) => {
      const file = path.join(folder, name);
      // Removed first: a program that runs cannot be written to.
      await rm(file, { force: true });
      await writeFile(file, `#!/bin/sh\n${body}\n`);
      await chmod(file, 0o755);
    };
    await replace('ffmpeg', working);
    await replace('ffprobe', 'exec ffprobe "$@"');
    const [FFMPEG_PATH, FFPROBE_PATH] = [path.join(folder, 'ffmpeg'), path.join(folder, 'ffprobe')];
    const server = await startServer({ FFMPEG_PATH, FFPROBE_PATH });
    return { server, replace, folder };
  }

  it.each<[string, string, silentMs?: number]>([
    ['crashes as it encodes', whenEncoding("sh -c 'kill -SEGV $$'; exit $?")],
    ['fails as it encodes', whenEncoding('echo broken >&2; exit 1')],
    ['writes nothing', whenEncoding('exit 0')],
    ['hangs', whenEncoding('exec sleep 1000'), 500],
    ['writes rubbish', whenEncoding('head -c 100000 /usr/bin/env; exit 0')],
    [
      'writes off the timeline',
      whenEncoding(
        'exec ffmpeg -hide_banner -loglevel error -nostdin -i "$input" -c:a aac -f mp4 -movflags +dash+delay_moov -frag_duration 100000 pipe:1',
      ).replace(
        'case',
        'previous=; for word; do [ "$previous" != -i ] || input=$word; previous=$word; done; case',
      ),
    ],
  ])(
    '%s: the track waits, /readyz says why, and all goes on once it is repaired',
    async (_, body, silentMs) => {
      const { server, replace } = await replaceable();
      const before = await upload(server.url, sound('before.wav', 1));
      expect(before.status).toBe(201);
      await replace('ffmpeg', body);
      const { timeouts } = await server.services.tools;
      const usual = timeouts.silentMs;
      // As long as ffmpeg hangs; one that works may be silent for longer on a busy machine.
      timeouts.silentMs = silentMs ?? usual;

      const { status, body: accepted } = await upload(server.url, sound('waits.wav', 2));
      expect([status, accepted.status]).toEqual([202, 'processing']);
      const { status: ready, body: state } = await readyz(server);
      expect([ready, state.checks.ffmpeg?.ok]).toEqual([503, false]);
      expect(state.checks.ffmpeg?.detail).toMatch(/^ffmpeg does not /);
      // What is there is served all the same.
      await expectOnTimeline(await getManifest(server.url, before.body), before.body.samples);

      timeouts.silentMs = usual;
      await replace('ffmpeg', working);
      expect((await settled(server.url, 'waits.wav')).status).toBe('ready');
      expect((await readyz(server)).status).toBe(200);
      await server.close();
    },
  );

  it('is gone: uploads are refused for now, not for what they are', async () => {
    const { server, replace, folder } = await replaceable();
    await rm(path.join(folder, 'ffprobe'));
    const refused = await upload(server.url, sound('a.wav', 3));
    expect([refused.status, refused.body.code]).toEqual([503, 'probe_unavailable']);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect((await readyz(server)).body.checks.ffmpeg).toEqual({
      ok: false,
      detail: expect.stringMatching(/^ffprobe does not work: /),
    });
    expect(await uploadsOf(server)).toEqual([]);
    await replace('ffprobe', 'exec ffprobe "$@"');
    await rm(path.join(folder, 'ffmpeg'));
    expect((await upload(server.url, sound('a.wav', 3))).status).toBe(503);
    await replace('ffmpeg', working);
    expect((await upload(server.url, sound('a.wav', 3))).status).toBe(201);
    await server.close();
  });

  it('waits can be deleted, and a server that waits can be stopped', async () => {
    const { server, replace } = await replaceable();
    await replace('ffmpeg', whenEncoding('exit 1'));
    for (const name of ['deleted.wav', 'kept.wav']) await upload(server.url, sound(name, name.length));
    expect((await request(`${server.url}/files/deleted.wav`, { method: 'DELETE' })).status).toBe(204);
    expect(await uploadsOf(server)).toHaveLength(1);
    await server.close();
    const next = await startServer({ DATA_DIR: server.dataDir });
    expect((await settled(next.url, 'kept.wav')).status).toBe('ready');
    await next.close();
  });
});

describe('a source that is decoded first, for it leaves the timeline', () => {
  const joined = async () => {
    const parts = [44_100, 22_050].map((sampleRate) =>
      audioFile('part.mp3', noise({ samples: 2 * sampleRate, sampleRate })).then((file) => readFile(file)),
    );
    return { name: 'joined.mp3', bytes: Buffer.concat(await Promise.all(parts)) };
  };
  /** One whose copy is never done. */
  async function whileCopying() {
    const file = path.join(await temporaryFolder(), 'ffmpeg');
    const body = 'case "$*" in *compression_level*) exec sleep 1000;; esac; exec ffmpeg "$@"';
    await writeFile(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    const server = await startServer({ FFMPEG_PATH: file });
    await upload(server.url, await joined(), '?wait=false');
    await until(async () =>
      expect((await uploadsOf(server)).filter((name) => name.startsWith('.tmp-'))).toHaveLength(1),
    );
    return server;
  }

  it('goes on at the next start when the server is stopped meanwhile', async () => {
    const server = await whileCopying();
    await server.close();
    const next = await startServer({ DATA_DIR: server.dataDir });
    const track = await settled(next.url, 'joined.mp3');
    expect([track.status, track.error]).toEqual(['ready', undefined]);
    await next.close();
  });

  it('can be deleted meanwhile, and leaves nothing', async () => {
    const server = await whileCopying();
    expect((await request(`${server.url}/files/joined.mp3`, { method: 'DELETE' })).status).toBe(204);
    expect(await uploadsOf(server)).toEqual([]);
    await server.close();
  });
});

const folder = await temporaryFolder();
/** Runs a command as root: as who runs the tests, or by sudo where that asks for no password. */
const asRoot = (command: string, ...args: string[]) =>
  run(command, args).catch(() => run('sudo', ['-n', command, ...args]));
const canMount = isThere(
  await asRoot('mount', '-t', 'tmpfs', '-o', 'size=3m,mode=777', 'tmpfs', folder).then(
    () => true,
    () => false,
  ),
  {
    what: 'no file system may be mounted here: run the tests as root, or allow sudo',
    untested: 'a full disk',
  },
);
afterAll(async () => {
  if (canMount) await asRoot('umount', '-l', folder);
});

describe.runIf(canMount)('a disk of 3 MB', () => {
  it('that is full answers 507, keeps nothing half-written, serves what it has, and goes on once there is room', async () => {
    const server = await startServer({ DATA_DIR: folder, MIN_FREE_BYTES: '0', AUDIO_LADDER: 'aac@256k' });
    expect((await readyz(server)).status).toBe(200);
    const before = await upload(server.url, sound('before.wav', 4));
    expect(before.status).toBe(201);

    // Larger than the disk.
    const large = await upload(server.url, sound('large.wav', 5, 2_000_000));
    expect([large.status, large.body.code]).toEqual([507, 'storage_full']);
    expect(large.body.detail).toMatch(/nothing of this upload was kept/i);
    expect(await uploadsOf(server)).toEqual([]);

    // Its bytes fit; its segments would not, which a disk that others write to as well does not tell.
    const filler = path.join(folder, 'filler');
    const { bytes: free } = await server.services.storage.room();
    await writeFile(filler, Buffer.alloc(free - 1_100_000));
    const { room } = server.services.storage;
    server.services.storage.room = async () => ({ bytes: free, files: 10_000 });
    const waits = await upload(server.url, sound('waits.wav', 6, 500_000));
    expect([waits.status, waits.body.status]).toEqual([202, 'processing']);
    server.services.storage.room = room;
    const { body } = await readyz(server);
    expect(body.checks.room?.ok).toBe(false);
    expect(body.checks.ffmpeg?.ok).toBe(true);
    await expectOnTimeline(await getManifest(server.url, before.body), before.body.samples);
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.includes('.tmp-'));
    expect(names).toEqual([]);

    await rm(filler);
    expect((await settled(server.url, 'waits.wav')).status).toBe('ready');
    const manifest = await getManifest(server.url, await getTrack(server.url, 'waits.wav'));
    await expectOnTimeline(manifest, 500_000);
    await server.close();
  });

  it('keeps MIN_FREE_BYTES: what would touch them is refused, also a copy that cannot be made', async () => {
    const server = await startServer({ DATA_DIR: folder, MIN_FREE_BYTES: '1500000' });
    const refused = await upload(server.url, sound('large.wav', 7, 800_000));
    expect([refused.status, refused.body.code]).toEqual([507, 'storage_full']);
    expect((await readyz(server)).status).toBe(200);
    await server.close();
  });

  it('that became read-only: 503, /readyz says so, and it mends by itself', async () => {
    const server = await startServer({ DATA_DIR: folder, MIN_FREE_BYTES: '0' });
    await asRoot('mount', '-o', 'remount,ro', folder);
    const refused = await upload(server.url, sound('a.wav', 8));
    expect([refused.status, refused.body.code]).toEqual([503, 'storage_unavailable']);
    const { status, body } = await readyz(server);
    expect([status, body.checks.uploadsAndSegments?.ok, body.checks.manifests?.ok]).toEqual([
      503,
      false,
      false,
    ]);
    expect((await request(`${server.url}/files`)).status).toBe(200);
    await asRoot('mount', '-o', 'remount,rw', folder);
    expect((await readyz(server)).status).toBe(200);
    expect((await upload(server.url, sound('a.wav', 8))).status).toBe(201);
    await server.close();
  });
});

describe('a stored segment that is missing or cut', () => {
  async function damaged(keep: 'true' | 'false', damage: (file: string) => Promise<void>) {
    const env = { KEEP_ORIGINALS: keep, SEGMENT_CACHE_BYTES: '0' };
    const server = await startServerWith(['song.wav', 'short.wav'], env);
    const [song, other] = await Promise.all(
      ['song.wav', 'short.wav'].map((name) => getTrack(server.url, name)),
    );
    const manifest = await getManifest(server.url, song as TrackView);
    const url = manifest.segments[2]?.url as string;
    await damage(path.join(server.dataDir, 'segments', 'song.wav', path.basename(url)));
    return { server, url, manifest, samples: samplesOf('song.wav'), other: other as TrackView };
  }
  const damages: [string, (file: string) => Promise<void>][] = [
    ['missing', (file) => rm(file)],
    ['cut', (file) => truncate(file, 1000)],
    ['empty', (file) => truncate(file, 0)],
  ];

  it.each(damages)('%s: is encoded anew where the original is kept', async (_, damage) => {
    const { server, url, manifest, samples } = await damaged('true', damage);
    const answers = await Promise.all(Array.from({ length: 5 }, () => request(url)));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect((await settled(server.url, 'song.wav')).status).toBe('ready');
    await expectOnTimeline(manifest, samples);
    expect((await decodeTrack(manifest)).length).toBeGreaterThanOrEqual(samples);
    expect((await readyz(server)).body.damagedTracks).toEqual([]);
    await server.close();
  });

  it('two of them, asked for one after the other: both are encoded anew, whatever the first repair is at', async () => {
    const { server, manifest } = await damaged('true', async () => {});
    const [first, second] = [manifest.segments[0]?.url ?? '', manifest.segments[3]?.url ?? ''];
    const fileOf = (url: string) => path.join(server.dataDir, 'segments', 'song.wav', path.basename(url));
    for (const apartMs of [0, 30, 90]) {
      await Promise.all([first, second].map((url) => truncate(fileOf(url), 1000)));
      const asked = request(first);
      await new Promise((resolve) => setTimeout(resolve, apartMs));
      const answers = await Promise.all([asked, request(second)]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect((await settled(server.url, 'song.wav')).status).toBe('ready');
      for (const url of [first, second]) expect((await readFile(fileOf(url))).length).toBeGreaterThan(1000);
    }
    await server.close();
  });

  it.each(damages)('%s: harms its track alone where it is not, and /readyz names it', async (_, damage) => {
    const { server, url, manifest, other } = await damaged('false', damage);
    const answer = await request<Problem>(url);
    expect([answer.status, answer.body.code]).toEqual([404, 'segment_not_found']);
    expect((await request(manifest.segments[1]?.url as string)).status).toBe(200);
    await expectOnTimeline(await getManifest(server.url, other), other.samples);
    const { status, body } = await readyz(server);
    expect([status, body.damagedTracks]).toEqual([200, ['song.wav']]);
    await request(`${server.url}/files/song.wav`, { method: 'DELETE' });
    expect((await readyz(server)).body.damagedTracks).toEqual([]);
    await server.close();
  });
});

it('a damaged record harms its track alone, keeps its name and its files, and is named', async () => {
  const first = await startServer({ KEEP_ORIGINALS: 'true' });
  await upload(first.url, sound('broken.wav', 11));
  await upload(first.url, sound('whole.wav', 12));
  await first.close();
  const record = path.join(first.dataDir, 'manifests', 'broken.wav', 'track.json');
  await writeFile(record, (await readFile(record, 'utf8')).slice(0, 100));

  const server = await startServer({ DATA_DIR: first.dataDir, KEEP_ORIGINALS: 'true' });
  const { status, body } = await readyz(server);
  expect([status, body.damagedTracks]).toEqual([200, ['broken.wav']]);
  expect((await getTrack(server.url, 'whole.wav')).status).toBe('ready');
  expect((await request(`${server.url}/files/broken.wav`)).status).toBe(404);
  expect(await uploadsOf(server)).toHaveLength(2);
  const again = await upload(server.url, sound('broken.wav', 13));
  expect(again.body.filename).toBe('broken-2.wav');
  await mkdir(path.join(first.dataDir, 'segments', 'broken.wav'), { recursive: true });
  await server.close();
});
