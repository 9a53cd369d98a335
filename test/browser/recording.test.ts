/**
 * What three players really play, recorded in Chromium: no gap and no repeat at any joint of two segments, whatever
 * rendition each of them is of, and wherever it began.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { noise, type Sound, wav } from '../support/audio.ts';
import { getManifest, type Manifest, upload } from '../support/client.ts';
import { lagAt, likeness } from '../support/lag.ts';
import { openPlayer, type Stream } from '../support/players.ts';
import { record } from '../support/recording.ts';
import { DEFAULT_LADDER, startServer } from '../support/server.ts';

const RATE = 44_100;
const SECONDS = 6;
/** Hz at the end of the sweep. */
const SWEEP_TO = 3000;

/** White noise at the left, in which a shift by one sample shows; a sweep at the right, in which a hole does. */
function material(): Sound {
  const { pcm: left } = noise({ samples: SECONDS * RATE, seed: 8 });
  const pcm = new Int16Array(2 * left.length);
  for (let n = 0; n < left.length; n++) {
    const seconds = n / RATE;
    const cycles = (SWEEP_TO * seconds * seconds) / (2 * SECONDS) + 100 * seconds;
    pcm[2 * n] = left[n] ?? 0;
    pcm[2 * n + 1] = Math.round(9000 * Math.sin(2 * Math.PI * cycles));
  }
  return { sampleRate: RATE, channels: 2, pcm };
}

const sound = material();
const [noiseSide, sweepSide] = [0, 1].map((side) => sound.pcm.filter((_sample, at) => at % 2 === side)) as [
  Int16Array,
  Int16Array,
];

let stream: Stream;
let manifest: Manifest;
beforeAll(async () => {
  const server = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER });
  const { body } = await upload(server.url, { name: 'known.wav', bytes: wav(sound) });
  manifest = await getManifest(server.url, body);
  stream = { manifestUrl: server.url + body.manifestUrl, hlsUrl: server.url + body.hlsUrl };
});

function shifted(recording: Float32Array, samples: number): Float32Array {
  return Float32Array.from({ length: SECONDS * RATE }, (_, n) => recording[n + samples] ?? 0);
}

interface Way {
  from?: number;
  choices?: number[];
}
const WAYS: [string, Way][] = [
  ['from its beginning', {}],
  ['from the middle', { from: 2.3 }],
  ['with the rendition changed by force after each segment', { choices: [0, 2, 1, 0, 2, 1] }],
];

describe.concurrent.each(['dash.js', 'Shaka Player', 'hls.js'] as const)('%s', (player) => {
  it.concurrent.each(WAYS)('plays without a gap or a repeat %s', async (_way, { from = 0, choices = [] }) => {
    const page = await openPlayer(player, stream, { from, choices });
    const { left, right } = await record(page, { sampleRate: RATE, from });
    const fetched = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => name),
    );
    await page.close();
    const renditions = fetched.flatMap((url) => /\/(aac-\d+k)-.*\.m4s$/.exec(url)?.slice(1) ?? []);
    const changes = renditions.filter((id, at) => at > 0 && id !== renditions[at - 1]).length;
    if (choices.length > 0) expect(changes, renditions.join()).toBeGreaterThan(1);

    // Brought to the source's own clock, to the sample.
    const begin = Math.ceil(from * RATE);
    const near = left.findIndex((sample) => sample !== 0) - begin;
    const late = near + lagAt(shifted(left, near), noiseSide, begin + 3000, { reach: RATE / 2 });
    const [noisePlayed, sweepPlayed] = [shifted(left, late), shifted(right, late)];
    const joints = manifest.segments.map(({ start }) => start).filter((start) => start > begin + 4000);
    expect(joints.length).toBeGreaterThan(2);
    for (const joint of joints) {
      const around = [joint - 1600, joint - 800, joint, joint + 100];
      expect(
        around.map((at) => lagAt(noisePlayed, noiseSide, at)),
        `joint at ${joint}, sound from ${near}, in place from ${late}, of ${left.length}`,
      ).toEqual([0, 0, 0, 0]);
      expect(likeness(sweepPlayed, sweepSide, { at: joint - 1000, window: 2000 })).toBeGreaterThan(0.99);
    }
  });
});
