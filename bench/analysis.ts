/** Measures what the analysis of tracks costs, and that no client waits longer for it. */
import { setTimeout as pause } from 'node:timers/promises';
import { firstInHand, remove, type Uploaded, untilReady, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { median, report, seconds } from './report.ts';
import { AUTHORIZED, type BenchServer, startServer } from './server.ts';

const LOOK_EVERY_MS = 100;
const PAIRS = 5;
const UPLOADS = 20;

/** Resolves when a track is analysed, with the most memory that the server had meanwhile. */
async function untilAnalysed(server: BenchServer, { track }: Uploaded): Promise<number> {
  const address = `${server.url}/files/${encodeURIComponent(track.filename)}`;
  for (let most = 0; ; await pause(LOOK_EVERY_MS)) {
    most = Math.max(most, (await server.residentBytes()) ?? 0);
    const { analysis } = (await (await fetch(address, { headers: AUTHORIZED })).json()) as {
      analysis: string;
    };
    if (analysis === 'failed') throw new Error(`${track.filename} was not analysed`);
    if (analysis === 'done') return most;
  }
}

export async function measureAnalysis(inputs: Inputs): Promise<void> {
  const { folder } = inputs;
  const hour = await inputs.mp3('hour-to-analyse.mp3', 60, '320k');
  const settings = { AUDIO_LADDER: 'aac@128k', SEGMENT_CACHE_BYTES: '0' };
  const server = await startServer(`${folder}/on`, settings);
  const uploaded = await upload(server.url, hour);
  await untilReady(server.url, uploaded.track);
  const before = { processor: await server.processorSeconds(), bytes: (await server.residentBytes()) ?? 0 };
  const begin = performance.now();
  const most = await untilAnalysed(server, uploaded);
  const elapsed = performance.now() - begin;
  const spent = (await server.processorSeconds()) - before.processor;
  report({
    measure: 'analysis of 1 h MP3, 320k stereo: processor time, of the server and of ffmpeg',
    result: `${spent.toFixed(1)} s (${seconds(elapsed)} on the clock)`,
    mustReach: '25 s',
    aim: '16 s',
  });
  report({
    measure: 'memory of the server while it analyses that hour: over before',
    result: `+${Math.max(0, Math.round((most - before.bytes) / 1e6))} MB (${Math.round(most / 1e6)} MB)`,
    mustReach: '+30 MB',
    aim: '+10 MB',
  });
  await remove(server.url, uploaded.track);

  const without = await startServer(`${folder}/off`, { ...settings, ANALYSIS: 'false' });
  await measureFirstSegments(inputs, { server, without, hour });
  await measurePlayable(inputs, { server, without });
  await Promise.all([server.stop(), without.stop()]);
}

interface Pair {
  server: BenchServer;
  without: BenchServer;
}

/** Uploads beside the analysis of an hour, by turns with those to a server that analyses nothing. */
async function measureFirstSegments(
  inputs: Inputs,
  { server, without, hour }: Pair & { hour: string },
): Promise<void> {
  const background = await upload(server.url, hour, '?wait=ready');
  const times = { on: [] as number[], off: [] as number[] };
  for (let n = 0; n < PAIRS; n++) {
    const file = await inputs.mp3(`first-${n}.mp3`, 1);
    for (const [name, { url }] of [['off', without] as const, ['on', server] as const]) {
      const uploaded = await upload(url, file);
      times[name].push(await firstInHand(url, uploaded));
      await untilReady(url, uploaded.track);
      // The analysis of the hour goes on a moment later.
      await pause(500);
    }
  }
  await remove(server.url, background.track);
  const [on, off] = [median(times.on), median(times.off)];
  report({
    measure: 'last uploaded byte to first segment in hand beside the analysis of an hour: later than without',
    result: `${(on / off).toFixed(2)}x (${seconds(on)}; ${seconds(off)})`,
    mustReach: 'at most 1.15x',
    aim: '1.0x',
  });
}

async function measurePlayable(inputs: Inputs, { server, without }: Pair): Promise<void> {
  const files: string[] = [];
  for (let n = 0; n < UPLOADS; n++) files.push(await inputs.mp3(`of-twenty-${n}.mp3`, 1));
  const playable = async ({ url }: BenchServer) => {
    const begin = performance.now();
    const uploads = await Promise.all(files.map((file) => upload(url, file)));
    await Promise.all(uploads.map(({ track }) => untilReady(url, track)));
    await Promise.all(uploads.map(({ track }) => remove(url, track)));
    return Math.max(...uploads.map(({ answeredAt }) => answeredAt)) - begin;
  };
  const off = await playable(without);
  const on = await playable(server);
  report({
    measure: 'twenty 1-minute uploads at once: time until all are playable, over that without analyses',
    result: `${(on / off).toFixed(2)}x (${seconds(on)}; ${seconds(off)})`,
    mustReach: 'at most 1.15x',
    aim: '1.0x',
  });
}
