/** Nodes of a cluster analyse tracks: one node each, and all nodes serve what it has found. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import WaveformData from 'waveform-data';
import { s3Client } from '../../testkit/s3-server.ts';
import { noise, wav } from '../support/audio.ts';
import { getTrack, request, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const sound = (seed: number) => wav(noise({ samples: 44_100 * 6, channels: 2, seed }));

describe.runIf(hasPostgres && hasS3)('nodes that share their engines', () => {
  let nodes: TestServer[];
  let keys: (prefix: string) => Promise<string[]>;
  beforeAll(async () => {
    const env = { ...(await freshDatabase()), ...(await freshBucket()), ANALYSIS: 'true' };
    const s3 = s3Client(env);
    atEndOfFile(async () => s3.destroy());
    keys = async (Prefix) => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: env.S3_BUCKET, Prefix }));
      return Contents.map(({ Key }) => Key as string);
    };
    const start = (NODE_NAME: string, ROLE: string) =>
      startServer({ ...env, NODE_NAME, ROLE, LOG_LEVEL: 'info' });
    nodes = await Promise.all([start('one', 'all'), start('two', 'all'), start('three', 'api')]);
  });

  it('analyse each track once, and serve it from all', async () => {
    const api = nodes[2] as TestServer;
    const names = [1, 2, 3].map((n) => `song-${n}.wav`);
    await Promise.all(names.map((name, at) => upload(api.url, { name, bytes: sound(at + 1) })));
    await until(async () => {
      for (const name of names)
        for (const { url } of nodes) expect((await getTrack(url, name)).analysis).toBe('done');
    });
    const lines = nodes.flatMap(({ logged }) => logged).filter((line) => line.includes('track analysed'));
    expect(lines).toHaveLength(names.length);
    expect(api.logged.some((line) => line.includes('track analysed'))).toBe(false);
    for (const { url } of nodes) {
      const answer = await fetch(`${url}/stream/${names[0]}/waveform.dat`);
      expect(WaveformData.create(await answer.arrayBuffer()).length).toBe(600);
      const { body } = await request(`${url}/files/${names[0]}/pauses`);
      expect(body).toEqual({ pauses: [] });
    }
  });

  it('remove the original after that by way of the trash, and everything with the track', async () => {
    const [one, two] = nodes as [TestServer, TestServer];
    const track = await one.services.library.get('song-1.wav');
    expect(track).toMatchObject({ upload: null, analysis: { status: 'done', from: 'original' } });
    expect(await keys(`sidecars/${track?.home}/`)).toHaveLength(4);
    await request(`${two.url}/files/song-1.wav`, { method: 'DELETE' });
    expect(await keys(`sidecars/${track?.home}/`)).toEqual([]);
  });
});
