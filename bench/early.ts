/** Measures uploads at the speeds of real clients, with early encoding over without, side by side in the same run. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { firstInHand, remove, segmentUrls, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { median, report, seconds } from './report.ts';
import { wrk } from './rivals.ts';
import { type BenchServer, startServer } from './server.ts';

const MBIT = 1_000_000 / 8;
const ROUNDS = 3;
const TEN = 10;
/** Time in which the first of ten uploads are encoded early: each has 4 MB by then. */
const EARLY_MS = 3000;
const MIB = 1024 ** 2;

/** A server with early encoding, and one without. */
interface Both<T> {
  early: T;
  without: T;
}

export async function measureEarly(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const start = async (name: string, settings: Record<string, string> = {}) =>
    startServer(folder, { DATA_DIR: path.join(folder, name), ...settings });
  const servers: Both<BenchServer> = {
    early: await start('early'),
    without: await start('without', { EARLY_ENCODING: 'false' }),
  };
  try {
    await measureSong(inputs, servers);
    await measureBook(inputs, servers);
  } finally {
    await Promise.all([servers.early.stop(), servers.without.stop()]);
  }
  await measureBesideUploads(inputs, start);
}

/** Measures in turns, for a busy host slows both. Resolves with the medians. */
async function inTurns(
  servers: Both<BenchServer>,
  measure: (url: string) => Promise<number>,
  rounds = ROUNDS,
): Promise<Both<number>> {
  const times: Both<number[]> = { early: [], without: [] };
  for (let round = 0; round < rounds; round++) {
    for (const each of ['without', 'early'] as const) times[each].push(await measure(servers[each].url));
  }
  return { early: median(times.early), without: median(times.without) };
}

async function measureSong(inputs: Inputs, servers: Both<BenchServer>): Promise<void> {
  const song = await inputs.mp3('early-song.mp3', 4, '320k');
  const slowly = { bytesPerSecond: 10 * MBIT };
  const ready = await inTurns(servers, async (url) => {
    const { track, flushedAt, answeredAt } = await upload(url, song, '?wait=ready', slowly);
    await remove(url, track);
    return answeredAt - flushedAt;
  });
  report({
    measure: '4-minute 320k MP3 at 10 Mbit/s, last byte to all three renditions ready: sooner than without',
    result: `${(ready.without / ready.early).toFixed(1)}x (${seconds(ready.early)}; ${seconds(ready.without)})`,
    mustReach: '8x',
    aim: '15x',
  });
  const first = await inTurns(servers, async (url) => {
    const uploaded = await upload(url, song, '', slowly);
    const ms = await firstInHand(url, uploaded);
    await remove(url, uploaded.track);
    return ms;
  });
  report({
    measure: 'the same, last byte to first segment in hand: sooner than without',
    result: `${(first.without / first.early).toFixed(1)}x (${seconds(first.early)}; ${seconds(first.without)})`,
    mustReach: '2x',
    aim: '3x',
  });
}

async function measureBook(inputs: Inputs, servers: Both<BenchServer>): Promise<void> {
  const book = await inputs.mp3('early-book.mp3', 60, '128k');
  const slowly = { bytesPerSecond: 20 * MBIT };
  const ready = await inTurns(
    servers,
    async (url) => {
      const { track, flushedAt, answeredAt } = await upload(url, book, '?wait=ready', slowly);
      await remove(url, track);
      return answeredAt - flushedAt;
    },
    1,
  );
  report({
    measure: '1-hour 128k MP3 at 20 Mbit/s, last byte to ready: over without',
    result: `${(ready.early / ready.without).toFixed(2)}x (${seconds(ready.early)}; ${seconds(ready.without)})`,
    mustReach: 'at most 0.75x',
    aim: '0.65x',
  });
}

interface Beside {
  /** Milliseconds to the first segment of another track. */
  firstMs: number;
  requestsPerSecond: number;
  peakBytes: number;
}

async function measureBesideUploads(
  inputs: Inputs,
  start: (name: string, settings?: Record<string, string>) => Promise<BenchServer>,
): Promise<void> {
  const songs = await distinctCopies(await inputs.mp3('early-ten.mp3', 10, '320k'), TEN);
  const others = await distinctCopies(await inputs.mp3('early-other.mp3', 1, '128k'), ROUNDS * 2);
  const rounds: Both<Beside>[] = [];
  while (rounds.length < ROUNDS) {
    const beside = async (name: string, settings = {}) => {
      const server = await start(`${name}-${rounds.length}`, settings);
      try {
        return await besideTen(server, songs, others.slice(0, 2));
      } finally {
        await server.stop();
      }
    };
    const without = await beside('ten-without', { EARLY_ENCODING: 'false' });
    rounds.push({ without, early: await beside('ten-early') });
  }
  const ratio = (name: keyof Beside) =>
    median(rounds.map(({ early, without }) => early[name] / without[name]));
  const middle = (each: keyof Both<Beside>, name: keyof Beside) =>
    median(rounds.map((round) => round[each][name]));
  report({
    measure: 'first segments of other tracks while ten such uploads come in: later than without',
    result: `${ratio('firstMs').toFixed(2)}x (${seconds(middle('early', 'firstMs'))}; ${seconds(middle('without', 'firstMs'))})`,
    mustReach: 'at most 1.1x',
    aim: '1.0x',
  });
  report({
    measure: 'cached requests/s while ten come in: over without',
    result: `${ratio('requestsPerSecond').toFixed(2)}x (${middle('early', 'requestsPerSecond').toFixed(0)}/s)`,
    mustReach: '0.95x',
    aim: '1.0x',
  });
  const more = (middle('early', 'peakBytes') - middle('without', 'peakBytes')) / MIB;
  report({
    measure: 'peak memory of the server meanwhile: over without',
    result: `${more >= 0 ? '+' : ''}${more.toFixed(0)} MB (${(middle('early', 'peakBytes') / MIB).toFixed(0)} MB)`,
    mustReach: '+20 MB',
    aim: '+5 MB',
  });
}

/** Uploads ten songs slowly, and measures two other tracks and the speed of serving meanwhile. */
async function besideTen(server: BenchServer, songs: string[], others: string[]): Promise<Beside> {
  const { url } = server;
  const served = await upload(url, others[0] as string, '?wait=ready');
  const [{ media }] = await segmentUrls(url, served.track);
  const over = new AbortController();
  const uploads = songs.map((song) =>
    upload(url, song, '?wait=false', { bytesPerSecond: 10 * MBIT, signal: over.signal }).catch(
      () => undefined,
    ),
  );
  try {
    await pause(EARLY_MS);
    const other = await upload(url, others[1] as string);
    const firstMs = await firstInHand(url, other);
    const requestsPerSecond = await wrk(media[1] as string, { durationSeconds: 5 });
    return { firstMs, requestsPerSecond, peakBytes: (await server.peakBytes()) ?? 0 };
  } finally {
    over.abort(new Error('all is measured'));
    await Promise.all(uploads);
  }
}

/** Writes copies of a file that differ in a byte at their end. */
async function distinctCopies(file: string, count: number): Promise<string[]> {
  const bytes = await readFile(file);
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const copy = file.replace(/\.mp3$/, `-${n}.mp3`);
      await writeFile(copy, Buffer.concat([bytes, Buffer.from([n])]));
      return copy;
    }),
  );
}
