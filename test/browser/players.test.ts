/** All four players reach the end, whatever the length, and while the track is still being encoded. */
import { beforeAll, describe, expect, it } from 'vitest';
import { PRIMING_SAMPLES } from '../../src/presentation/timeline.ts';
import { noise, wav } from '../support/audio.ts';
import { upload } from '../support/client.ts';
import { openPlayer, PLAYERS, type PlayerName, playToEnd, type Stream } from '../support/players.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

/** AAC frames in a segment of a second. */
const D = 43 * 1024;
const LENGTHS = [500].concat([-1, 0, 1, 11_024, 11_025].map((more) => 2 * D - 1024 + more));

let server: TestServer;
let slow: TestServer;
beforeAll(async () => {
  server = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER });
  // Chromium's own HLS gives up at the first 503, and a busy machine may need its time.
  const timeouts = { SEGMENT_WAIT_SECONDS: '30', FFMPEG_PATH: await slowFfmpeg(8) };
  slow = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER, ...timeouts });
});

async function track(
  samples: number,
  from: TestServer,
): Promise<Stream & { seconds: number; status: string }> {
  const bytes = wav(noise({ samples, seed: samples % 1000 }));
  const wait = from === slow ? '' : '?wait=ready';
  const { body } = await upload(from.url, { name: `n${samples}.wav`, bytes }, wait);
  return {
    manifestUrl: from.url + body.manifestUrl,
    hlsUrl: from.url + body.hlsUrl,
    seconds: body.durationSeconds,
    status: body.status,
  };
}

async function expectToPlay(player: PlayerName, stream: Stream & { seconds: number }): Promise<void> {
  const page = await openPlayer(player, stream);
  const played = await playToEnd(page);
  await page.close();
  expect(played.errors).toEqual([]);
  expect(played.ended).toBe(true);
  // Chromium's own HLS takes no notice of the edit list: the priming samples are 23 ms more.
  const seconds = stream.seconds + (player === 'native HLS' ? PRIMING_SAMPLES / 44_100 : 0);
  expect(played.duration).toBeCloseTo(seconds, 3);
  expect(played.reached).toBeCloseTo(seconds, 3);
  expect(played.buffered).toHaveLength(1);
  expect(played.buffered[0]?.[0]).toBe(0);
  expect(played.buffered[0]?.[1]).toBeCloseTo(seconds, 3);
}

describe.concurrent('all players', () => {
  it.concurrent.each(LENGTHS)('reach the end of %i samples', async (samples) => {
    const stream = await track(samples, server);
    await Promise.all(PLAYERS.map((player) => expectToPlay(player, stream)));
  });
});

it.concurrent.each(PLAYERS)('%s reaches the end of a track that is still being encoded', async (player) => {
  // Another length for each, so that they are tracks of their own.
  const more = [-1, 0, 1, 11_025][PLAYERS.indexOf(player)] ?? 0;
  const stream = await track(5 * D - 1024 + more, slow);
  expect(stream.status).toBe('processing');
  await expectToPlay(player, stream);
});
