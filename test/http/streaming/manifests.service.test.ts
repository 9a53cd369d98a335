import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { crossOrigin } from '../../../src/http/streaming/cross-origin.ts';
import { createManifests, MANIFEST, mediaPlaylist } from '../../../src/http/streaming/manifests.ts';
import type { Services } from '../../../src/services.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { startServerWith } from '../../support/prepared.ts';
import { sampleTrack } from '../../support/sample-track.ts';

it('each text is rendered and compressed once for all requests at the same time and later', async () => {
  const { services } = await startServerWith(['short.wav']);
  const manifests = createManifests(services, crossOrigin('*'));
  const asking = (encoding: string) => ({ headers: { 'accept-encoding': encoding } }) as IncomingMessage;
  const params = { filename: 'short.wav' };
  for (const text of [MANIFEST, mediaPlaylist('aac-128k')]) {
    let rendered = 0;
    const counted = {
      ...text,
      render(...given: Parameters<typeof text.render>) {
        rendered++;
        return text.render(...given);
      },
    };
    const find = (encoding: string) => manifests.find(params, counted, asking(encoding));
    const [first, ...others] = await Promise.all(Array.from({ length: 100 }, () => find('br')));
    for (const other of [...others, await find('br')]) expect(other).toBe(first);
    expect(rendered).toBe(1);
    expect(await find('gzip')).not.toBe(first);
    expect(rendered).toBe(2);
  }
});

describe('the cache of manifests', () => {
  const asking = (encoding: string) => ({ headers: { 'accept-encoding': encoding } }) as IncomingMessage;
  /** Makes services with this many tracks, and nothing else. */
  function servicesWith(count: number) {
    const tracks = new Map(
      Array.from({ length: count }, (_, n) => [
        `${n}.mp3`,
        sampleTrack({ filename: `${n}.mp3`, status: 'ready' }),
      ]),
    );
    const library = {
      get: async (name: string) => tracks.get(name),
      peek: (name: string) => tracks.get(name),
    };
    const encoder = { progressOf: () => undefined };
    const storage: Pick<Storage, 'addresses'> = {};
    const services = { library, storage, encoder } as unknown as Services;
    return { tracks, services };
  }

  it('takes no more memory than its limit for any number of tracks, and keeps the last ones', async () => {
    const { tracks, services } = servicesWith(1000);
    const maxBytes = 500_000;
    const manifests = createManifests(services, crossOrigin('*'), maxBytes);
    for (const encoding of ['identity', 'gzip', 'br']) {
      for (const filename of tracks.keys()) await manifests.find({ filename }, MANIFEST, asking(encoding));
      const kept = [...tracks.keys()].flatMap(
        (filename) => manifests.cached(filename, 'manifest', asking(encoding)) ?? [],
      );
      const memories = new Set(kept.map(({ bytes }) => bytes.buffer));
      const retained = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(retained + 1000 * kept.length, encoding).toBeLessThan(maxBytes);
      expect(kept.length, encoding).toBeGreaterThan(50);
      expect(manifests.cached('999.mp3', 'manifest', asking(encoding))).toBeDefined();
    }
  });

  it('renders a text again once its track has changed', async () => {
    const { tracks, services } = servicesWith(1);
    const manifests = createManifests(services, crossOrigin('*'));
    const find = () => manifests.find({ filename: '0.mp3' }, MANIFEST, asking('gzip'));
    const before = await find();
    expect(manifests.cached('0.mp3', 'manifest', asking('gzip'))).toBe(before);
    tracks.set('0.mp3', sampleTrack({ filename: '0.mp3', status: 'ready', samples: 999_999 }));
    expect(manifests.cached('0.mp3', 'manifest', asking('gzip'))).toBeUndefined();
    expect((await find()).etag).not.toBe(before.etag);
  });
});

it('a text that could not be rendered is rendered again on the next request', async () => {
  const { services } = await startServerWith(['short.wav']);
  const manifests = createManifests(services, crossOrigin('*'));
  const asking = { headers: {} } as IncomingMessage;
  const find = () => manifests.find({ filename: 'short.wav' }, mediaPlaylist('aac-1k'), asking);
  for (let n = 0; n < 2; n++) await expect(find()).rejects.toMatchObject({ code: 'rendition_not_found' });
});
