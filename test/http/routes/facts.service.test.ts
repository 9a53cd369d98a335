/** A track tells what its file says of itself, and has its chapters in the format of each player. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import { audioFile, ffmpeg, noise } from '../../support/audio.ts';
import { getTrack, request, upload } from '../../support/client.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { startServer } from '../../support/server.ts';

/** A book of three seconds with two chapters. */
async function book(): Promise<Buffer> {
  const folder = await temporaryFolder();
  const [text, file] = [path.join(folder, 'chapters.txt'), path.join(folder, 'book.m4b')];
  await writeFile(
    text,
    ';FFMETADATA1\ntitle=Das <Buch>\nartist=Anna\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=Eins & zwei\n[CHAPTER]\nTIMEBASE=1/1\nSTART=1\nEND=3\ntitle=Drei\n',
  );
  const source = await audioFile('a.wav', noise({ samples: 3 * 44_100 }));
  await ffmpeg(['-i', source, '-i', text, '-map', '0:a', '-map_metadata', '1', '-f', 'mp4', file]);
  return readFile(file);
}

describe('a track with tags and chapters', () => {
  it('has them from the answer to its upload on, and keeps them', async () => {
    const { url } = await startServer();
    const { status, body } = await upload(url, { name: 'book.m4b', bytes: await book() }, '?wait=ready');
    expect(status).toBe(201);
    expect(body.tags).toMatchObject({ title: 'Das <Buch>', artist: 'Anna', album: null, genres: [] });
    expect(body.chapters).toEqual([
      { startSeconds: 0, endSeconds: 1, title: 'Eins & zwei' },
      { startSeconds: 1, endSeconds: expect.closeTo(3, 1), title: 'Drei' },
    ]);
    expect(await getTrack(url, 'book.m4b')).toMatchObject({ tags: body.tags, chapters: body.chapters });

    expect(body.chaptersUrl).toBe('/stream/book.m4b/chapters.json');
    for (const prefix of ['/stream', '/files']) {
      const get = async (name: string) => fetch(`${url}${prefix}/book.m4b/${name}`);
      const json = await get('chapters.json');
      expect(json.headers.get('content-type')).toBe('application/json+chapters');
      expect(await json.json()).toMatchObject({ version: '1.2.0', chapters: [{ title: 'Eins & zwei' }, {}] });
      const vtt = await get('chapters.vtt');
      expect(vtt.headers.get('content-type')).toBe('text/vtt; charset=utf-8');
      expect(await vtt.text()).toContain('00:00:00.000 --> 00:00:01.000\nEins &amp; zwei');
      const master = await (await fetch(`${url}/stream/book.m4b/master.m3u8`)).text();
      const [, uri] = /SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="(.*)"/.exec(master) ?? [];
      expect(await (await get(uri as string)).json()).toMatchObject([{ chapter: 1 }, { chapter: 2 }]);
    }
    const { headers } = await fetch(`${url}${body.chaptersUrl}`, { headers: { origin: 'https://a.test' } });
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(headers.get('access-control-allow-origin')).toBe('*');
  });

  it('names its chapters in the master playlist as soon as an edit gives it some, and as long as it has any', async () => {
    const { url } = await startServer();
    const bytes = await readFile(await audioFile('a.wav', noise({ samples: 3 * 44_100 })));
    await upload(url, { name: 'a.wav', bytes }, '');
    const isNamed = async () =>
      /SESSION-DATA/.test(await (await fetch(`${url}/stream/a.wav/master.m3u8`)).text());
    const edit = (chapters: object[]) =>
      request(`${url}/files/a.wav`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ chapters }),
      });
    expect(await isNamed()).toBe(false);
    await edit([{ startSeconds: 0, endSeconds: 1, title: 'One' }]);
    expect(await isNamed()).toBe(true);
    await edit([]);
    expect(await isNamed()).toBe(false);
  });

  it('has chapters below its signed address alone', async () => {
    const key = '0123456789abcdef0123456789abcdef';
    const { url } = await startServer({ API_KEYS: `me:${key}`, STREAM_SECRET: 's'.repeat(40) });
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(await book())]), 'book.m4b');
    const { body } = await request<TrackView>(`${url}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: form,
    });
    expect(body.chaptersUrl).toMatch(/^\/signed\/[^/]+\/book\.m4b\/chapters\.json$/);
    const signed = new URL(body.chaptersUrl ?? '', url);
    for (const name of ['chapters.json', 'chapters.vtt', 'apple-chapters.json']) {
      expect((await fetch(new URL(name, signed))).status).toBe(200);
      expect((await fetch(`${url}/stream/book.m4b/${name}`)).status).toBe(403);
      expect((await fetch(`${url}/files/book.m4b/${name}`)).status).toBe(401);
    }
  });

  it('has neither where its file has none', async () => {
    const { url } = await startServer();
    const bytes = await readFile(await audioFile('a.wav', noise({ samples: 44_100 })));
    const { body } = await upload(url, { name: 'a.wav', bytes });
    expect(Object.values(body.tags).every((tag) => tag === null || (tag as unknown[]).length === 0)).toBe(
      true,
    );
    expect([body.chapters, body.chaptersUrl]).toEqual([[], null]);
    expect(await (await fetch(`${url}/files/a.wav/chapters.json`)).json()).toMatchObject({ chapters: [] });
  });
});
