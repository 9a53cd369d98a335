/** Measures the time from upload to playback, as ratios to plain ffmpeg on the same file in the same run. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { firstInHand, get, remove, segmentUrls, type Uploaded, untilReady, upload } from './client.ts';
import { ffmpeg, type Inputs } from './inputs.ts';
import { median, report, seconds } from './report.ts';
import { startServer } from './server.ts';

/** Encodes with one plain ffmpeg: the same bit rates and segment length, on an idle machine. */
async function plainFfmpeg(folder: string, file: string, bitRates = ['128k']): Promise<number> {
  const begin = performance.now();
  const renditions = bitRates.flatMap((bitRate, at) => ['-map', '0:a:0', `-b:a:${at}`, bitRate]);
  const dash = ['-f', 'dash', '-seg_duration', '4', path.join(folder, 'plain.mpd')];
  await ffmpeg(['-i', file, ...renditions, '-c:a', 'aac', ...dash]);
  return performance.now() - begin;
}

export async function measureHour(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const hour = await inputs.mp3('hour.mp3', 60, '320k');
  const plain = await plainFfmpeg(folder, hour);
  const server = await startServer(folder);
  const uploaded = await upload(server.url, hour);
  const first = await firstInHand(server.url, uploaded);
  await pause(Math.max(0, uploaded.answeredAt + 1000 - performance.now()));
  const [{ media }] = await segmentUrls(server.url, uploaded.track);
  const far = await get(media[Math.floor(media.length * 0.9)] as string);
  await remove(server.url, uploaded.track);
  const everyRendition = await firstInHand(server.url, await upload(server.url, hour), 3);
  await server.stop();
  report({
    measure:
      'last uploaded byte flushed to first media segment in hand, 1 h MP3: sooner than plain ffmpeg finishes',
    result: `${(plain / first).toFixed(0)}x (${seconds(first)}; ${seconds(plain)})`,
    mustReach: '50x',
    aim: '100x',
  });
  report({
    measure:
      'a segment at 90 % of the hour, asked one second after the upload, in hand: sooner than plain ffmpeg finishes',
    result: `${(plain / far).toFixed(0)}x (${seconds(far)})`,
    mustReach: '40x',
    aim: '80x',
  });
  report({
    measure:
      'last uploaded byte to first segment of all three renditions, 1 h MP3: sooner than plain ffmpeg finishes 128k',
    result: `${(plain / everyRendition).toFixed(0)}x (${seconds(everyRendition)})`,
    mustReach: '40x',
    aim: '80x',
  });
}

export async function measureLengths(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const server = await startServer(folder);
  for (const format of ['mp3', 'flac'] as const) {
    const files = {
      short: await inputs[format](`minute.${format}`, 1),
      long: await inputs[format](`ten-hours.${format}`, 600),
    };
    const times = { short: [] as number[], long: [] as number[] };
    for (let round = 0; round < 3; round++) {
      for (const length of ['short', 'long'] as const) {
        const uploaded = await upload(server.url, files[length]);
        times[length].push(await firstInHand(server.url, uploaded));
        await remove(server.url, uploaded.track);
      }
    }
    const [short, long] = [median(times.short), median(times.long)];
    report({
      measure: `the same for 10 h over the same for 1 min, ${format.toUpperCase()}`,
      result: `${(long / short).toFixed(2)}x (${seconds(long)}; ${seconds(short)})`,
      mustReach: 'at most 2x',
      aim: '1.2x',
    });
    await rm(files.long);
  }
  await server.stop();
}

/**
 * Runs a whole encode and one plain ffmpeg three times in turns. Resolves with the median ratio, for a busy host slows
 * both.
 */
async function againstPlain(
  folder: string,
  file: string,
  bitRates: string[],
): Promise<{ ratio: number; all: number; plain: number }> {
  const rounds: { ratio: number; all: number; plain: number }[] = [];
  while (rounds.length < 3) {
    const plain = await plainFfmpeg(folder, file, bitRates);
    const ladder = bitRates.map((bitRate) => `aac@${bitRate}`).join(',');
    const server = await startServer(folder, { AUDIO_LADDER: ladder });
    const { track, flushedAt, answeredAt } = await upload(server.url, file, '?wait=ready');
    if (track.renditions.length !== bitRates.length) throw new Error('the ladder is not as expected');
    await server.stop();
    const all = answeredAt - flushedAt;
    rounds.push({ ratio: plain / all, all, plain });
  }
  const middle = median(rounds.map(({ ratio }) => ratio));
  return rounds.find(({ ratio }) => ratio === middle) ?? (rounds[0] as (typeof rounds)[number]);
}

export async function measureOneFile(inputs: Inputs): Promise<void> {
  const file = await inputs.mp3('ten-minutes.mp3', 10);
  const { ratio, all, plain } = await againstPlain(inputs.folder, file, ['128k']);
  report({
    measure:
      '10 min, one rendition, all cores on one file, from the last byte to ready: faster than one plain ffmpeg',
    result: `${ratio.toFixed(2)}x (${seconds(all)}; ${seconds(plain)})`,
    mustReach: '1.6x on 2 cores',
    aim: '1.9x',
  });
}

export async function measureLadder(inputs: Inputs): Promise<void> {
  const file = await inputs.mp3('ten-minutes-320k.mp3', 10, '320k');
  const { ratio, all, plain } = await againstPlain(inputs.folder, file, ['64k', '128k', '256k']);
  report({
    measure:
      'ladder of three, 10 min, 320k source, from the last byte to ready: faster than one ffmpeg command making the same three',
    result: `${ratio.toFixed(2)}x (${seconds(all)}; ${seconds(plain)})`,
    mustReach: '1.7x on 2 cores',
    aim: '1.9x',
  });
}

export async function measureTwenty(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const files: string[] = [];
  for (let n = 1; n <= 20; n++) files.push(await inputs.mp3(`five-minutes-${n}.mp3`, 5));
  const server = await startServer(folder);
  const begin = performance.now();
  const uploads = await Promise.all(files.map((file) => upload(server.url, file)));
  const playable = Math.max(...uploads.map(({ answeredAt }) => answeredAt)) - begin;

  const listening = (async () => {
    let longest = 0;
    for (let n = 0; n < 10; n++) {
      const { track } = uploads[(n * 7 + 3) % 20] as Uploaded;
      const [{ media }] = await segmentUrls(server.url, track);
      longest = Math.max(longest, await get(media[Math.floor(media.length * (0.95 - n * 0.07))] as string));
    }
    return longest;
  })();
  await Promise.all(uploads.map(({ track }) => untilReady(server.url, track)));
  const ready = performance.now() - begin;
  const longest = await listening;
  await server.stop();
  report({
    measure: 'twenty 5-minute uploads at once: time until all are playable over time until all are ready',
    result: `1/${(ready / playable).toFixed(1)} (${seconds(playable)}; ${seconds(ready)})`,
    mustReach: 'a tenth',
    aim: 'a twentieth',
  });
  report({
    measure: 'longest wait for a segment while those twenty encode and a listener makes ten far seeks',
    result: seconds(longest),
    mustReach: '3 s',
    aim: '1 s',
  });
}

export async function measureMemory(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const file = await inputs.wav('two-gigabytes.wav', 2 * 1024 ** 3);
  // Without the cache, whose size is a setting.
  const server = await startServer(folder, { SEGMENT_CACHE_BYTES: '0' });
  const { track } = await upload(server.url, file);
  await untilReady(server.url, track);
  const peak = await server.peakBytes();
  await server.stop();
  report({
    measure: 'peak memory of the server during a 2 GB upload and its encode, beside the cache',
    result: peak === undefined ? 'not reported by this system' : `${Math.round(peak / 1e6)} MB`,
    mustReach: '150 MB',
    aim: '100 MB',
  });
}
