/** Uploads files over `POST /upload`. */
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, ffmpeg, longMp3, noise, wav } from '../../support/audio.ts';
import { getTrack, type Problem, request, settled, until, upload } from '../../support/client.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const song = (seed: number, samples = 20_000) => ({ name: 'song.wav', bytes: wav(noise({ samples, seed })) });
let server: TestServer;

beforeAll(async () => {
  server = await startServer({ MAX_UPLOAD_BYTES: '4000000' });
});

/** Checks that uploads/ contains only its placeholder. */
async function uploadsOnDisk(): Promise<string[]> {
  return readdir(path.join(server.dataDir, 'uploads'));
}

describe('an upload of audio', () => {
  it('gets 201, its Location and the whole track', async () => {
    const { status, headers, body } = await upload(server.url, song(1));
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/files/${body.filename}`);
    expect(body).toMatchObject({
      message: expect.stringContaining('song.wav'),
      name: 'song.wav',
      filename: 'song.wav',
      originalName: 'song.wav',
      status: 'ready',
      progress: 1,
      manifestUrl: '/stream/song.wav/manifest',
      samples: 20_000,
      sampleRate: 44_100,
      channels: 1,
      durationSeconds: 20_000 / 44_100,
      renditions: [{ id: 'aac-128k', codecs: 'mp4a.40.2', bitRate: 128_000 }],
      source: { container: 'wav', codec: 'pcm_s16le', sampleRate: 44_100, channels: 1, bytes: 40_044 },
      uploadedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect(body.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(body.storedBytes).toBeGreaterThan(0);
    expect(body).not.toHaveProperty('error');
  });

  it('with ?wait=false gets 202 once it is stored and examined', async () => {
    const { status, headers, body } = await upload(
      server.url,
      { name: 'long.mp3', bytes: await longMp3(2) },
      '?wait=false',
    );
    expect(status).toBe(202);
    expect(headers.get('location')).toBe('/files/long.mp3');
    expect(body).toMatchObject({ status: 'processing', sampleRate: 44_100 });
    const while_ = await until(async () => {
      const track = await getTrack(server.url, 'long.mp3');
      expect(track.progress).toBeGreaterThan(0);
      return track;
    });
    expect(while_.progress).toBeLessThan(1);
    expect(while_.manifestUrl).toBe('/stream/long.mp3/manifest');
    expect((await settled(server.url, 'long.mp3')).status).toBe('ready');
  });

  it('ignores other fields of the form', async () => {
    const form = new FormData();
    form.append('title', 'A title');
    form.append('file', new Blob([new Uint8Array(song(2).bytes)]), 'fields.wav');
    form.append('cover', new Blob(['not looked at']), 'cover.jpg');
    const { status } = await request(`${server.url}/upload`, { method: 'POST', body: form });
    expect(status).toBe(400);
    form.delete('cover');
    expect((await request(`${server.url}/upload?wait=ready`, { method: 'POST', body: form })).status).toBe(
      201,
    );
  });

  it('keeps the original only with KEEP_ORIGINALS', async () => {
    const keeping = await startServer({ KEEP_ORIGINALS: 'true' });
    const { body } = await upload(keeping.url, song(3));
    const kept = await readdir(path.join(keeping.dataDir, 'uploads'));
    expect(kept).toHaveLength(1);
    expect(body.storedBytes).toBeGreaterThan(body.source.bytes);
    await keeping.close();
    expect(await uploadsOnDisk()).toEqual([]);
  });
});

describe('an upload of the same bytes again', () => {
  it('gets 200 and the existing track, also under another name', async () => {
    const first = await upload(server.url, { ...song(4), name: 'first.wav' });
    const again = await upload(server.url, { ...song(4), name: 'again.wav' });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.filename).toBe('first.wav');
    expect(again.headers.get('location')).toBe('/files/first.wav');
    expect(again.body.message).toContain('here already');
  });

  it('gets 200 while the track is processed', async () => {
    const bytes = await longMp3(1);
    const [first, second] = await Promise.all([
      upload(server.url, { name: 'twice.mp3', bytes }, '?wait=false'),
      upload(server.url, { name: 'twice.mp3', bytes }, '?wait=false'),
    ]);
    const statuses = [first.status, second.status].sort();
    expect(statuses).toEqual([200, 202]);
    expect(first.body.filename).toBe(second.body.filename);
    await settled(server.url, 'twice.mp3');
    // The original is removed right after the track becomes ready.
    await until(async () => expect(await uploadsOnDisk()).toEqual([]));
  });

  it('of other bytes under a taken name gets its own name', async () => {
    const names = [];
    for (const seed of [5, 6, 7])
      names.push((await upload(server.url, { ...song(seed), name: 'Taken.wav' })).body.filename);
    expect(names).toEqual(['Taken.wav', 'Taken-2.wav', 'Taken-3.wav']);
    const other = await upload(server.url, { ...song(8), name: 'taken.WAV' });
    expect(other.body.filename).toBe('taken-4.WAV');
  });

  it('ten different files under one name at the same time all get their own name', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => upload(server.url, { ...song(100 + n), name: 'rush.wav' })),
    );
    expect(new Set(answers.map(({ body }) => body.filename)).size).toBe(10);
    expect(answers.every(({ status }) => status === 201)).toBe(true);
  });
});

describe('an upload that is refused', () => {
  const form = (...parts: [string, string | Blob, string?][]) => {
    const made = new FormData();
    for (const [field, value, name] of parts) {
      if (typeof value === 'string') made.append(field, value);
      else made.append(field, value, name);
    }
    return { method: 'POST', body: made };
  };
  const audio = () => new Blob([new Uint8Array(song(50).bytes)]);

  it.each<[string, () => RequestInit, number, string]>([
    ['not multipart', () => ({ method: 'POST', body: 'x' }), 400, 'not_multipart'],
    [
      'JSON',
      () => ({ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
      400,
      'not_multipart',
    ],
    ['no body at all', () => ({ method: 'POST' }), 400, 'not_multipart'],
    [
      'no boundary',
      () => ({ method: 'POST', body: 'x', headers: { 'content-type': 'multipart/form-data' } }),
      400,
      'malformed_multipart',
    ],
    [
      'a body that ends too early',
      () => ({
        method: 'POST',
        body: '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nxx',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      }),
      400,
      'malformed_multipart',
    ],
    ['no field "file"', () => form(['other', audio(), 'a.wav']), 400, 'no_file'],
    ['a text field "file"', () => form(['file', 'text']), 400, 'no_file'],
    ['an empty file', () => form(['file', new Blob([]), 'a.wav']), 400, 'empty_file'],
    ['two files', () => form(['file', audio(), 'a.wav'], ['file', audio(), 'b.wav']), 400, 'too_many_files'],
    [
      'two files in two fields',
      () => form(['cover', audio(), 'a.jpg'], ['file', audio(), 'b.wav']),
      400,
      'too_many_files',
    ],
    [
      'too large',
      () => form(['file', new Blob([new Uint8Array(4_000_001)]), 'a.wav']),
      413,
      'upload_too_large',
    ],
    [
      'far too large',
      () => form(['file', new Blob([new Uint8Array(9_000_000)]), 'a.wav']),
      413,
      'upload_too_large',
    ],
    [
      'text named .mp3',
      () => form(['file', new Blob(['hello, this is text\n'.repeat(500)]), 'a.mp3']),
      415,
      'unsupported_media',
    ],
    // Playlists, zeros and other hostile files are in `journeys/hostile`.
    ['a wrong ?wait', () => form(['file', audio(), 'a.wav']), 400, 'invalid_query'],
  ])('%s', async (name, init, status, code) => {
    const query = name === 'a wrong ?wait' ? '?wait=perhaps' : '';
    const before = (await request<unknown[]>(`${server.url}/files`)).body.length;
    const answer = await request<Problem>(`${server.url}/upload${query}`, init());
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status, code, type: 'about:blank', title: expect.any(String) });
    expect(answer.body.detail.length).toBeGreaterThan(10);
    expect(answer.status).toBe(status);
    expect(await uploadsOnDisk()).toEqual([]);
    expect((await request<unknown[]>(`${server.url}/files`)).body.length).toBe(before);
  });

  it('as a video without sound', async () => {
    const bytes = await ffmpeg(['-f', 'lavfi', '-i', 'testsrc=d=1:s=64x64:r=5', '-f', 'matroska', 'pipe:1']);
    const { status, body } = await upload(server.url, { name: 'silent.mkv', bytes });
    expect([status, body.code]).toEqual([415, 'unsupported_media']);
    expect(body.detail).toBe('There is no audio in this file.');
  });

  it('because too many tracks wait already: 503 with Retry-After, before the body is read', async () => {
    const busy = await startServer({ MAX_WAITING: '1' });
    await upload(busy.url, { name: 'long.mp3', bytes: await longMp3(5) }, '?wait=false');
    const { status, headers, body } = await upload(busy.url, song(60));
    expect([status, body.code]).toEqual([503, 'too_busy']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await busy.close();
  });

  it('because it would leave too little room on the disk: 507, before the body is read', async () => {
    const { bytes: free } = await server.services.storage.room();
    const full = await startServer({ MIN_FREE_BYTES: String(free + 10 * 1024 ** 3) });
    const { status, body } = await upload(full.url, song(61));
    expect([status, body.code]).toEqual([507, 'storage_full']);
    expect(body.detail).toContain('MIN_FREE_BYTES');
    expect(await readdir(path.join(full.dataDir, 'uploads'))).toEqual([]);
    await full.close();
  });

  it('because room runs out while it arrives: 507, and nothing is left', async () => {
    const { bytes: free } = await server.services.storage.room();
    const full = await startServer({ MIN_FREE_BYTES: String(free - 100 * 1024 ** 2) });
    const chunk = Buffer.alloc(4 * 1024 ** 2, 1);
    let sent = 0;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(
          Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="endless.wav"\r\n\r\n'),
        );
      },
      pull(controller) {
        sent += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const answer = await request<Problem>(`${full.url}/upload`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      duplex: 'half',
      signal: AbortSignal.timeout(50_000),
    } as RequestInit);
    expect([answer.status, answer.body.code]).toEqual([507, 'storage_full']);
    expect(sent).toBeGreaterThan(8 * 1024 ** 2);
    expect(await readdir(path.join(full.dataDir, 'uploads'))).toEqual([]);
    await full.close();
  });

  it('because the client leaves in the middle: nothing is left on disk', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(
      'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n' +
        '--b\r\nContent-Disposition: form-data; name="file"; filename="gone.wav"\r\n\r\n',
    );
    socket.write(Buffer.alloc(200_000, 1));
    await until(async () => expect(await uploadsOnDisk()).toHaveLength(1));
    socket.destroy();
    await until(async () => expect(await uploadsOnDisk()).toEqual([]));
  });
});

describe('the name of an upload', () => {
  const decomposed = 'Café.wav'.normalize('NFD');
  it.each<[string, string, string]>([
    ['raw UTF-8', 'filename="žluťoučký kůň.wav"', 'žluťoučký-kůň.wav'],
    ['NFD', `filename="${decomposed}"`, 'Café.wav'],
    ['emoji', 'filename="🎵 song 🎶.wav"', 'song-.wav'],
    ['Hindi', 'filename="हिन्दी गाना.wav"', 'हिन्दी-गाना.wav'],
    ['filename*', "filename*=UTF-8''na%C3%AFve%20song.wav", 'naïve-song.wav'],
    ['a path', 'filename="../../etc/passwd"', 'passwd'],
    ['a Windows path', 'filename="C:\\\\music\\\\b.wav"', 'b.wav'],
    ['300 bytes', `filename="${'ä'.repeat(150)}.wav"`, `${'ä'.repeat(98)}.wav`],
    ['hidden', 'filename=".hidden.wav"', 'hidden.wav'],
    ['only dots', 'filename="...wav"', 'track.wav'],
    ['markup', 'filename="<img src=x>.wav"', 'img-src-x-.wav'],
    ['empty', 'filename=""', 'track'],
  ])('%s', async (_case, parameter, expected) => {
    const bytes = wav(noise({ samples: 3000, seed: 200 + _case.length * 31 + parameter.length }));
    const body = Buffer.concat([
      Buffer.from(
        `--b\r\nContent-Disposition: form-data; name="file"; ${parameter}\r\nContent-Type: audio/wav\r\n\r\n`,
      ),
      bytes,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const answer = await request<{ filename: string; manifestUrl: string }>(
      `${server.url}/upload?wait=ready`,
      {
        method: 'POST',
        body,
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      },
    );
    expect(answer.status).toBe(201);
    expect(answer.body.filename).toBe(expected);
    expect(answer.headers.get('location')).toBe(`/files/${encodeURIComponent(expected)}`);
    expect(answer.body.manifestUrl).toBe(`/stream/${encodeURIComponent(expected)}/manifest`);
    expect((await fetch(server.url + answer.body.manifestUrl)).status).toBe(200);
    const nfd = encodeURIComponent(expected.normalize('NFD'));
    expect((await getTrack(server.url, decodeURIComponent(nfd))).filename).toBe(expected);
  });
});

it('recognises a file by its content, whatever its name', async () => {
  const flac = await audioFile('x.flac', noise({ samples: 30_000, seed: 300 }));
  const { status, body } = await upload(server.url, { name: 'liar.txt', bytes: await readFile(flac) });
  expect(status).toBe(201);
  expect(body.source.container).toBe('flac');
});
