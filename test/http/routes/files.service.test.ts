/** Lists, shows, deletes and retries tracks. */
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import { longMp3, noise, wav } from '../../support/audio.ts';
import { getTrack, type Problem, request, settled, until, upload } from '../../support/client.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { textOf } from '../../support/process.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
const NAMES = ['alpha.wav', 'beta.wav', 'gamma.wav', 'Größe.wav', 'delta.wav'];

beforeAll(async () => {
  server = await startServer();
  for (const [seed, name] of NAMES.entries()) {
    await upload(server.url, { name, bytes: wav(noise({ samples: 5000, seed: seed + 1 })) });
  }
});

const namesIn = (tracks: TrackView[]) => tracks.map(({ name }) => name);

async function everythingOf(target: TestServer): Promise<string[]> {
  const entries = await readdir(target.dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.launch'))
    .map(({ name }) => name);
}

describe('GET /files', () => {
  it('lists all tracks, newest first', async () => {
    const { status, body, headers } = await request<TrackView[]>(`${server.url}/files`);
    expect(status).toBe(200);
    expect(namesIn(body)).toEqual([...NAMES].reverse());
    expect(headers.get('link')).toBeNull();
  });

  it('returns pages by ?limit and the cursor of its Link header', async () => {
    let next: string | null = '/files?limit=2';
    const pages: string[][] = [];
    while (next) {
      const { body, headers }: { body: TrackView[]; headers: Headers } = await request(server.url + next);
      pages.push(namesIn(body));
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null;
    }
    expect(pages).toEqual([['delta.wav', 'Größe.wav'], ['gamma.wav', 'beta.wav'], ['alpha.wav']]);
  });

  it.each([
    ['eta', ['beta.wav']],
    ['ETA', ['beta.wav']],
    ['größe', ['Größe.wav']],
    ['GRÖSSE', ['Größe.wav']],
    ['grosse wav', ['Größe.wav']],
    ['.wav', [...NAMES].reverse()],
    ['nothing', []],
    ['', [...NAMES].reverse()],
  ])('finds %s in names', async (q, expected) => {
    const { body } = await request<TrackView[]>(`${server.url}/files?${new URLSearchParams({ q })}`);
    expect(namesIn(body)).toEqual(expected);
  });

  it('keeps the search in the link to the next page', async () => {
    const { headers } = await request(`${server.url}/files?limit=1&q=wav`);
    expect(headers.get('link')).toContain('q=wav');
  });

  it('sorts, filters, and keeps both in the link to the next page', async () => {
    for (const [name, title] of [
      ['alpha.wav', 'Zulu'],
      ['beta.wav', 'Yankee & Co'],
    ] as const) {
      await server.services.library.update(name, (track) => ({ ...track, tags: { title, artist: 'Björk' } }));
    }
    let next: string | null = '/files?limit=1&sort=title&artist=BJORK&status=ready&q=wav';
    const pages: string[][] = [];
    while (next) {
      const { body, headers }: { body: TrackView[]; headers: Headers } = await request(server.url + next);
      pages.push(namesIn(body));
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null;
    }
    expect(pages).toEqual([['beta.wav'], ['alpha.wav']]);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=1.5',
    'cursor=abc',
    'cursor=',
    'sort=size',
    'status=done',
    'artist=',
    'album=a&album=b',
    `q=${'x'.repeat(501)}`,
  ])('refuses ?%s', async (query) => {
    const { status, body } = await request<Problem>(`${server.url}/files?${query}`);
    expect([status, body.code]).toEqual([400, 'invalid_query']);
  });
});

describe('a name of no track gets 404', () => {
  it.each([
    'nobody.wav',
    '..%2f..%2fetc%2fpasswd',
    '%2fetc%2fpasswd',
    '..',
    '.%2e',
    'alpha.wav%00',
    '%00',
    '..%5c..%5cx',
    'alpha.wav%2f..%2fbeta.wav',
    'track.json',
    '.launch',
    'x'.repeat(900),
    'alpha.wav/',
  ])('%s', async (name) => {
    for (const [method, address] of [
      ['GET', `/files/${name}`],
      ['DELETE', `/files/${name}`],
      ['POST', `/files/${name}/retry`],
      ['GET', `/stream/${name}/manifest`],
      ['GET', `/stream/${name}/segment/aac-128k-00000000-init.mp4`],
    ] as const) {
      const { status, body } = await rawRequest(method, address);
      expect(status, `${method} ${address}`).toBe(404);
      expect(body).toContain('"code"');
      expect(body).not.toContain(server.dataDir);
    }
  });
});

/** Sends a raw request, for fetch would resolve `..`. */
async function rawRequest(method: 'GET' | 'DELETE' | 'POST', address: string) {
  const sent = http.request(server.url, { method, path: address });
  sent.end();
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode, body: await textOf(response) };
}

describe('DELETE /files/{filename}', () => {
  it('gets 204 and leaves nothing on disk', async () => {
    const own = await startServer();
    await upload(own.url, { name: 'gone.wav', bytes: wav(noise({ samples: 50_000 })) });
    expect((await everythingOf(own)).length).toBeGreaterThan(3);
    const { status } = await request(`${own.url}/files/gone.wav`, { method: 'DELETE' });
    expect(status).toBe(204);
    expect((await everythingOf(own)).filter((name) => !name.startsWith('.'))).toEqual([]);
    expect((await request(`${own.url}/files/gone.wav`)).status).toBe(404);
    expect((await request(`${own.url}/files/gone.wav`, { method: 'DELETE' })).status).toBe(404);
    expect((await request(`${own.url}/stream/gone.wav/manifest`)).status).toBe(404);
  });

  it('during processing cancels it, answers waiting uploads, and leaves nothing', async () => {
    const own = await startServer();
    const waiting = upload(own.url, { name: 'long.mp3', bytes: await longMp3(10) });
    await until(async () => expect((await getTrack(own.url, 'long.mp3')).progress).toBeGreaterThan(0));
    expect((await request(`${own.url}/files/long.mp3`, { method: 'DELETE' })).status).toBe(204);
    expect((await everythingOf(own)).filter((name) => !name.startsWith('.'))).toEqual([]);
    const { status, body } = await waiting;
    expect([status, body.code]).toEqual([410, 'track_deleted']);
    expect(own.services.encoder.waiting).toBe(0);
  });

  it('frees the name for another file', async () => {
    const own = await startServer();
    for (const seed of [1, 2]) {
      const { body } = await upload(own.url, { name: 'one.wav', bytes: wav(noise({ samples: 4000, seed })) });
      expect(body.filename).toBe('one.wav');
      await request(`${own.url}/files/one.wav`, { method: 'DELETE' });
    }
  });
});

describe('a file that decodes but cannot be encoded', () => {
  /** Makes an ffmpeg that fails whenever it should encode. */
  async function startBroken(marker: string): Promise<TestServer> {
    const own = await startServer();
    const broken = path.join(own.dataDir, 'ffmpeg-that-fails');
    const script = `#!/bin/sh\nif [ -e ${marker} ]; then case "$*" in *self-test*) ;; *frag_duration*) echo "secret path /x" >&2; exit 3;; esac; fi\nexec ffmpeg "$@"\n`;
    await writeFile(broken, script, { mode: 0o755 });
    await own.close();
    return startServer({ DATA_DIR: own.dataDir, FFMPEG_PATH: broken, SANDBOX: 'off' });
  }

  it('gets 422, and is kept as a failed track that can be retried and deleted', async () => {
    const marker = path.join(await temporaryFolder(), 'broken');
    await writeFile(marker, '');
    const own = await startBroken(marker);
    const bytes = wav(noise({ samples: 5000 }));

    const first = await upload(own.url, { name: 'bad.wav', bytes });
    expect([first.status, first.body.code]).toEqual([422, 'processing_failed']);
    expect(first.body.detail).toContain('/files/bad.wav/retry');
    expect(JSON.stringify(first.body)).not.toContain('secret');
    const kept = await getTrack(own.url, 'bad.wav');
    expect(kept).toMatchObject({ status: 'failed', manifestUrl: null, error: { code: 'encoder_failed' } });
    expect(await readdir(path.join(own.dataDir, 'uploads'))).toHaveLength(1);

    // Uploading the file again is another try, which fails as well.
    const again = await upload(own.url, { name: 'bad.wav', bytes });
    expect(again.status).toBe(422);
    expect(await readdir(path.join(own.dataDir, 'uploads'))).toHaveLength(1);

    const retried = await request<TrackView>(`${own.url}/files/bad.wav/retry`, { method: 'POST' });
    expect([retried.status, retried.body.status]).toEqual([202, 'processing']);
    expect((await settled(own.url, 'bad.wav')).status).toBe('failed');

    await rm(marker);
    expect((await request(`${own.url}/files/bad.wav/retry`, { method: 'POST' })).status).toBe(202);
    expect(await settled(own.url, 'bad.wav')).toMatchObject({ status: 'ready', samples: 5000 });

    const notFailed = await request<Problem>(`${own.url}/files/bad.wav/retry`, { method: 'POST' });
    expect([notFailed.status, notFailed.body.code]).toEqual([409, 'not_failed']);
  });

  it('is gone after a delete', async () => {
    const marker = path.join(await temporaryFolder(), 'broken');
    await writeFile(marker, '');
    const own = await startBroken(marker);
    await upload(own.url, { name: 'bad.wav', bytes: wav(noise({ samples: 5000 })) });
    expect((await request(`${own.url}/files/bad.wav`, { method: 'DELETE' })).status).toBe(204);
    expect(await readdir(path.join(own.dataDir, 'uploads'))).toEqual([]);
  });
});
