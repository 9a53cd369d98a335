/** Measures how the encoder is shared: short tracks beside long ones, many tracks at once, and new ones under attack. */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { progressOf, remove, segmentUrls, type Uploaded, untilReady, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { median, report, seconds } from './report.ts';
import { type BenchServer, startServer } from './server.ts';

const ROUNDS = 3;

export async function measureFairness(inputs: Inputs): Promise<void> {
  const server = await startServer(inputs.folder);
  try {
    await measureSongAndBook(inputs, server);
    await measureTwentyLengths(inputs, server);
  } finally {
    await server.stop();
  }
}

async function measureSongAndBook(inputs: Inputs, server: BenchServer): Promise<void> {
  const song = await inputs.mp3('four-minutes.mp3', 4, '320k');
  const timesOfSong = async () => {
    const uploaded = await upload(server.url, song);
    await untilReady(server.url, uploaded.track);
    const ready = performance.now() - uploaded.flushedAt;
    await remove(server.url, uploaded.track);
    return { ready, playable: uploaded.answeredAt - uploaded.flushedAt };
  };
  const inRounds = async () => {
    const times: Awaited<ReturnType<typeof timesOfSong>>[] = [];
    while (times.length < ROUNDS) times.push(await timesOfSong());
    return {
      ready: median(times.map(({ ready }) => ready)),
      playable: median(times.map((each) => each.playable)),
    };
  };
  const alone = await inRounds();

  const book = await upload(server.url, await inputs.mp3('ten-hours.mp3', 600));
  await pause(1000);
  const rate = await bookRate(server, book, () => pause(8000));
  const meanwhile = await bookRate(server, book, async () => void (await timesOfSong()));
  const beside = await inRounds();
  report({
    measure: '4-minute song, last byte to ready while a 10-hour book is encoded, over its time alone',
    result: `${(beside.ready / alone.ready).toFixed(2)}x (${seconds(beside.ready)}; ${seconds(alone.ready)})`,
    mustReach: 'at most 2x',
    aim: '',
  });
  const lost = meanwhile.ms - meanwhile.gained / (rate.gained / rate.ms);
  report({
    measure: 'delay of the book by that, over the time of the song alone',
    result: `${(lost / alone.ready).toFixed(2)}x (${seconds(lost)})`,
    mustReach: 'no more than that work',
    aim: '',
  });
  for (const connections of [4, 150]) {
    const attack = await attacking(server, book, connections);
    await pause(2000);
    const attacked: number[] = [];
    while (attacked.length < ROUNDS) {
      const { track, answeredAt, flushedAt } = await upload(server.url, song);
      attacked.push(answeredAt - flushedAt);
      await remove(server.url, track);
    }
    await attack.stop();
    report({
      measure: `the same song, last byte to playable while ${connections} connections request random segments of the book, over its time alone`,
      result: `${(median(attacked) / alone.playable).toFixed(1)}x (${seconds(median(attacked))}; ${seconds(alone.playable)})`,
      mustReach: 'at most 3x',
      aim: '',
    });
  }
  await remove(server.url, book.track);
}

/** Resolves with the progress of a track during `work`, as a share of its segments. */
async function bookRate(server: BenchServer, { track }: Uploaded, work: () => Promise<void>) {
  const [begin, before] = [performance.now(), await progressOf(server.url, track)];
  await work();
  return { gained: (await progressOf(server.url, track)) - before, ms: performance.now() - begin };
}

/** Opens connections that request random segments of a track one after the other. */
async function attacking(server: BenchServer, { track }: Uploaded, connections: number) {
  const all = (await segmentUrls(server.url, track)).flatMap(({ media }) => media);
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let goesOn = true;
  const attack = async () => {
    while (goesOn) {
      const url = all[Math.floor(Math.random() * all.length)] as string;
      await new Promise<void>((resolve) => {
        http
          .get(url, { agent }, (response) => response.resume().once('close', resolve))
          .once('error', () => resolve());
      });
    }
  };
  const attackers = Array.from({ length: connections }, attack);
  return {
    async stop() {
      goesOn = false;
      agent.destroy();
      await Promise.all(attackers);
    },
  };
}

/** Minutes of the twenty tracks: one to ten, twice, long and short ones mixed. */
const MINUTES = Array.from({ length: 20 }, (_, n) => 1 + ((n * 7) % 10));

async function measureTwentyLengths(inputs: Inputs, server: BenchServer): Promise<void> {
  const files: string[] = [];
  for (const [n, minutes] of MINUTES.entries()) {
    files.push(await inputs.mp3(`${minutes}-minutes-${n}.mp3`, minutes, '320k'));
  }
  const begin = performance.now();
  const uploads = await Promise.all(files.map((file) => upload(server.url, file)));
  const ready = await Promise.all(
    uploads.map(async ({ track }) => {
      await untilReady(server.url, track);
      return performance.now() - begin;
    }),
  );
  const last = Math.max(...ready);
  const mean = ready.reduce((sum, each) => sum + each, 0) / ready.length;
  report({
    measure:
      'twenty uploads of 1 to 10 minutes at once: mean time to ready, sooner than if every main rendition came first, then the others, in the order of uploads (computed, with the same last one)',
    result: `${((meanInOrder() * last) / mean).toFixed(2)}x (${seconds(mean)}; the last one ${seconds(last)})`,
    mustReach: '1.5x',
    aim: '',
  });
}

/** Returns the mean time to ready of those twenty over that of the last one, if they are encoded in order of length. */
function meanInOrder(): number {
  const total = MINUTES.reduce((sum, minutes) => sum + minutes, 0);
  let before = 0;
  let sum = 0;
  for (const minutes of MINUTES) {
    before += minutes;
    // The main renditions of all tracks come first and are a third of the work.
    sum += 1 / 3 + ((2 / 3) * before) / total;
  }
  return sum / MINUTES.length;
}
