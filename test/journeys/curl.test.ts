/** The first thing anybody does: curl uploads a song, and every address of the manifest is fetched by curl as well. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { audioFile, noise } from '../support/audio.ts';
import { parseManifest } from '../support/client.ts';
import { DEFAULT_LADDER, startServer } from '../support/server.ts';

const curl = async (...args: string[]) =>
  (await promisify(execFile)('curl', ['-sS', ...args], { encoding: 'buffer' })).stdout;

it('curl -F file=@song.mp3 gives 201, and all that its manifest names can be fetched', async () => {
  const server = await startServer(DEFAULT_LADDER);
  const song = await audioFile('my song.mp3', noise({ samples: 600_000, channels: 2 }), ['-b:a', '192k']);

  const answer = String(await curl('-i', '-F', `file=@${song}`, `${server.url}/upload`));
  const status = answer.match(/^HTTP\/1\.1 (?!100)\d+/m)?.[0];
  expect(status).toBe('HTTP/1.1 201');
  const track = JSON.parse(answer.slice(answer.indexOf('{')));
  expect(track).toMatchObject({
    filename: 'my-song.mp3',
    samples: 600_000,
    manifestUrl: '/stream/my-song.mp3/manifest',
  });

  const manifestUrl = server.url + track.manifestUrl;
  const manifest = parseManifest(manifestUrl, String(await curl(manifestUrl)));
  const urls = manifest.representations.flatMap(({ initUrl, segments }) => {
    expect(segments).toHaveLength(4);
    return [initUrl, ...segments.map(({ url }) => url)];
  });
  expect(urls).toHaveLength(10);
  for (const url of urls) {
    const written = await curl('-o', '/dev/null', '-w', '%{http_code} %{content_type} %{size_download}', url);
    const [code, type, size] = String(written).split(' ');
    expect([code, type]).toEqual(['200', 'audio/mp4']);
    expect(Number(size)).toBeGreaterThan(500);
  }
});
