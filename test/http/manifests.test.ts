import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { crossOrigin } from '../../src/http/cross-origin.ts';
import { createManifests, MANIFEST, mediaPlaylist } from '../../src/http/manifests.ts';
import { noise, wav } from '../support/audio.ts';
import { upload } from '../support/client.ts';
import { startServer } from '../support/server.ts';

it('each text is rendered and compressed once for all who ask at once, and for those who ask later', async () => {
  const { url, services } = await startServer();
  const { body } = await upload(url, { name: 'tök.wav', bytes: wav(noise({ samples: 50_000, seed: 6 })) });
  const manifests = createManifests(services, crossOrigin('*'));
  const asking = (encoding: string) => ({ headers: { 'accept-encoding': encoding } }) as IncomingMessage;
  const params = { filename: body.filename };
  for (const text of [MANIFEST, mediaPlaylist('aac-128k')]) {
    let rendered = 0;
    const counted = {
      ...text,
      render(track: Parameters<typeof text.render>[0]) {
        rendered++;
        return text.render(track);
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

it('one that could not be made is tried anew', async () => {
  const { url, services } = await startServer();
  const { body } = await upload(url, { name: 'a.wav', bytes: wav(noise({ samples: 50_000, seed: 7 })) });
  const manifests = createManifests(services, crossOrigin('*'));
  const asking = { headers: {} } as IncomingMessage;
  const find = () => manifests.find({ filename: body.filename }, mediaPlaylist('aac-1k'), asking);
  for (let n = 0; n < 2; n++) await expect(find()).rejects.toMatchObject({ code: 'rendition_not_found' });
});
