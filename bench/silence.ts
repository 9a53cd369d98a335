/** Measures small segments: memory under random requests, and latency while tracks are deleted. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Inputs } from './inputs.ts';
import { makeCopies, makeOriginal, type Original } from './library.ts';
import { download, pacedPlayers } from './players.ts';
import { quantile, report } from './report.ts';
import { wrk } from './rivals.ts';
import { AUTHORIZED, type BenchServer, CACHE_BYTES, startServer } from './server.ts';

/** Tracks of each kind. */
const TRACKS = 1000;
const DELETES = 10_000;
const DELETES_AT_ONCE = 8;
/** Players that send ten requests a second each. */
const PLAYERS = 100;
const ROUNDS = 9;
const ROUND_SECONDS = 10;

export async function measureSilence(inputs: Inputs): Promise<void> {
  const dataDir = path.join(inputs.folder, 'silence');
  const silence = await makeOriginal(inputs, await inputs.silence('silence.flac', 5));
  const sound = await makeOriginal(inputs, await inputs.mp3('sound.mp3', 1, '320k'));
  await makeCopies(dataDir, silence, { prefix: 'silence', count: TRACKS });
  await makeCopies(dataDir, sound, { prefix: 'sound', count: TRACKS });
  const script = await randomRequests(inputs.folder, { silence, sound });
  // Without signatures, for each track would have another one.
  const open = { DATA_DIR: dataDir, STREAM_SECRET: '', RATE_LIMIT: 'off' };
  const first = await startServer(inputs.folder, open);
  await measureMemory(first, script);
  await first.stop(true);

  const short = { ...sound, segments: sound.segments.slice(0, 3) };
  await makeCopies(dataDir, short, { prefix: 'short', count: DELETES });
  const second = await startServer(inputs.folder, open);
  // Fills the cache.
  await wrk(second.url, { script, durationSeconds: ROUND_SECONDS });
  await measureDeletes(second, sound);
  await second.stop();
}

/** Makes a script for wrk: random segments of random tracks, half of them silent. */
async function randomRequests(folder: string, originals: Record<string, Original>): Promise<string> {
  const kinds = Object.entries(originals).map(([kind, { segments }]) => {
    const names = segments.map((segment) => `"${path.basename(segment)}"`);
    return `{"${kind}", {${names.join(',')}}}`;
  });
  const script = path.join(folder, 'any-segment.lua');
  await writeFile(
    script,
    `local kinds = {${kinds.join(',')}}
request = function()
  local kind = kinds[math.random(1, #kinds)]
  local names = kind[2]
  local name = names[math.random(1, #names)]
  return wrk.format("GET", string.format("/stream/%s-%d/segment/%s", kind[1], math.random(0, ${TRACKS - 1}), name))
end
`,
  );
  return script;
}

async function measureMemory(server: BenchServer, script: string): Promise<void> {
  const seen: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await wrk(server.url, { script, durationSeconds: ROUND_SECONDS });
    seen.push((await server.residentBytes()) ?? 0);
  }
  const above = (bytes: number) => Math.round((bytes - CACHE_BYTES) / 1e6);
  const peak = (await server.peakBytes()) ?? 0;
  report({
    measure: `memory above the cache's size with 2,000 tracks of which half are silent, random requests, every ${ROUND_SECONDS} s; the peak`,
    result: `${seen.map(above).join(', ')} MB; ${above(peak)} MB`,
    mustReach: '120 MB, flat',
    aim: '80 MB',
  });
}

async function measureDeletes(server: BenchServer, { segments }: Original): Promise<void> {
  const names = segments.map((segment) => path.basename(segment));
  const url = (player: number, n: number) =>
    `${server.url}/stream/sound-${player % 10}/segment/${names[n % names.length]}`;
  const pace = { players: PLAYERS, everyMs: 100, url };
  const alone = await pacedPlayers({ ...pace, requests: 100 });

  const stop = new AbortController();
  const playing = pacedPlayers({ ...pace, signal: stop.signal });
  const begin = performance.now();
  const numbers = Array.from({ length: DELETES }, (_, n) => n).values();
  const worker = async () => {
    const options = { method: 'DELETE', headers: AUTHORIZED };
    for (const n of numbers) await download(`${server.url}/files/short-${n}`, options);
  };
  await Promise.all(Array.from({ length: DELETES_AT_ONCE }, worker));
  const perSecond = DELETES / ((performance.now() - begin) / 1000);
  stop.abort();
  const latencies = await playing;
  report({
    measure: '10,000 deletes with a full cache, beside 1,000 requests/s for segments: p99 of those',
    result: `${quantile(latencies, 0.99).toFixed(1)} ms (median ${quantile(latencies, 0.5).toFixed(1)} ms; ${Math.round(perSecond)} deletes/s; without deletes ${quantile(alone, 0.99).toFixed(1)} ms)`,
    mustReach: 'under 20 ms',
    aim: '5 ms',
  });
}
