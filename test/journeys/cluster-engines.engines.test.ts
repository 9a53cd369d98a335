/** What a node takes from the engines that it shares. */
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../testkit/fault-proxy.ts';
import { longMp3, noise, wav } from '../support/audio.ts';
import { request, until, upload } from '../support/client.ts';
import { listen } from '../support/listening.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { startServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

describe.runIf(hasPostgres && hasS3)('a node', () => {
  it('does not start on the bucket of another database', async () => {
    const bucket = await freshBucket();
    const database = await freshDatabase();
    const settings = { ...bucket, ...database };
    await startServer(settings);
    await startServer(settings);
    await expect(startServer({ ...bucket, ...(await freshDatabase()) })).rejects.toThrow(
      /holds the tracks of another database/,
    );
  });

  it('renews its leases while requests wait for the database on all connections', async () => {
    const { DATABASE_URL } = await freshDatabase();
    const node = await startServer({
      ...{ ...(await freshBucket()), DATABASE_URL, FFMPEG_PATH: await slowFfmpeg(10), SANDBOX: 'off' },
      RATE_LIMIT: 'off',
    });
    await upload(node.url, { name: 'long.mp3', bytes: await longMp3(20) }, '?wait=true');
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    const untilOf = async () => (await client.query('select until from work')).rows[0].until as Date;
    await client.query('begin; lock table tracks in access exclusive mode');
    const requests = Array.from({ length: 40 }, () => request(`${node.url}/files?q=none`).catch(() => {}));
    const before = await untilOf();
    // Statements that wait give up after 4 s.
    await until(async () => expect((await untilOf()).getTime()).toBeGreaterThan(before.getTime()), 3500);
    await client.query('rollback');
    await client.end();
    await Promise.all(requests);
  });

  it('tells that a track is gone whose files could not be removed', async () => {
    const bucket = await freshBucket();
    const endpoint = new URL(bucket.S3_ENDPOINT);
    const s3 = await startFaultProxy(Number(endpoint.port));
    endpoint.port = String(s3.port);
    const node = await startServer({
      ...{ ...bucket, ...(await freshDatabase()), S3_ENDPOINT: endpoint.href.replace(/\/$/, '') },
    });
    await upload(
      node.url,
      { name: 'song.wav', bytes: wav(noise({ samples: 44_100, seed: 1 })) },
      '?wait=ready',
    );
    const { events, leave } = await listen(`${node.url}/events`);
    await s3.set('cut');
    expect((await request(`${node.url}/files/song.wav`, { method: 'DELETE' })).status).toBe(503);
    await until(() => expect(events.at(-1)).toMatchObject({ event: 'removed' }));
    leave();
    await s3.set('pass');
    await s3.close();
  });
});
