/** Measures the list, the lookups and the start of a growing library. */
import path from 'node:path';
import { manifestUrl } from './client.ts';
import type { Inputs } from './inputs.ts';
import { makeLongTrack, makeRecords, makeSample, type Sample } from './library.ts';
import { BROWSER, download, longestStall, pacedPlayers } from './players.ts';
import { median, quantile, report, seconds } from './report.ts';
import { AUTHORIZED, startServer } from './server.ts';

const ROUNDS = 3;

export async function measureCatalogue(inputs: Inputs): Promise<void> {
  const sample = await makeSample(inputs);
  const measured: Record<number, { ready: number; page: number }> = {};
  for (const count of [100, 10_000, 100_000]) {
    const dataDir = path.join(inputs.folder, `library-${count}`);
    await makeRecords(dataDir, sample, count);
    const ready: number[] = [];
    const pages: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer(inputs.folder, { DATA_DIR: dataDir });
      ready.push(server.readyMs);
      pages.push(await pageMs(server.url));
      // Keep the largest library for one more measurement.
      await server.stop(round < ROUNDS - 1 || count === 100_000);
    }
    measured[count] = { ready: median(ready), page: median(pages) };
  }
  const of = (count: number) => measured[count] ?? { ready: 0, page: 0 };
  report({
    measure: 'server ready with a library of 10,000 tracks; of 100,000',
    result: `${seconds(of(10_000).ready)}; ${seconds(of(100_000).ready)} (with 100 tracks ${seconds(of(100).ready)})`,
    mustReach: '2 s; 15 s',
    aim: '0.5 s; 3 s',
  });
  report({
    measure: '`GET /files?limit=50` at 100,000 tracks over the same at 100',
    result: `${(of(100_000).page / of(100).page).toFixed(2)}x (${of(100_000).page.toFixed(2)} ms)`,
    mustReach: '2x the time at most',
    aim: '1.1x',
  });
  await measureReaders(inputs, sample);
  await measureStalls(inputs, sample);
}

/** Measures the effect on other clients while some read all of a large library. */
async function measureReaders(inputs: Inputs, sample: Sample): Promise<void> {
  const dataDir = path.join(inputs.folder, 'library-100000');
  const names = await makeLongTrack(dataDir, sample, 200);
  const server = await startServer(inputs.folder, { DATA_DIR: dataDir, RATE_LIMIT: 'off' });
  const segments = (await manifestUrl(server.url, 'long.mp3')).replace(/manifest$/, 'segment/');
  const pace = {
    players: 100,
    everyMs: 200,
    url: (player: number, n: number) => `${segments}${names[(player * 7 + n) % names.length]}`,
  };
  const alone = await pacedPlayers({ ...pace, requests: 25 });
  const stop = new AbortController();
  const playing = pacedPlayers({ ...pace, signal: stop.signal });
  const begin = performance.now();
  await all(10, () => download(`${server.url}/files`, { headers: BROWSER }));
  const listMs = performance.now() - begin;
  stop.abort();
  const latencies = await playing;
  report({
    measure: 'p99 of segments (500 requests/s) beside ten clients that get all of 100,000 tracks',
    result: `${quantile(latencies, 0.99).toFixed(1)} ms (median ${quantile(latencies, 0.5).toFixed(1)} ms; without lists ${quantile(alone, 0.99).toFixed(1)} ms; the lists took ${seconds(listMs)})`,
    mustReach: 'under 20 ms',
    aim: '5 ms',
  });
  await server.stop();
}

async function measureStalls(inputs: Inputs, sample: Sample): Promise<void> {
  const count = 30_000;
  const dataDir = path.join(inputs.folder, `library-${count}`);
  await makeRecords(dataDir, sample, count);
  const server = await startServer(inputs.folder, { DATA_DIR: dataDir, RATE_LIMIT: 'off' });
  const { url } = server;
  const lists = () => all(20, () => download(`${url}/files`, { headers: BROWSER }));
  // Fewer bytes than any track takes in an event stream.
  const allStates = count * 500;
  const events = () => all(20, () => download(`${url}/events`, { headers: AUTHORIZED }, allStates));
  const [ofLists, ofEvents] = [await longestStall(url, lists), await longestStall(url, events)];
  await server.stop();
  report({
    measure:
      'longest stall with 30,000 tracks: of 20 clients that get the whole list; of 20 that open `/events`',
    result: `${ofLists.toFixed(0)} ms; ${ofEvents.toFixed(0)} ms`,
    mustReach: '100 ms',
    aim: '20 ms',
  });
}

const all = (count: number, one: () => Promise<unknown>) => Promise.all(Array.from({ length: count }, one));

async function pageMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 600; n++) {
    const begin = performance.now();
    await (await fetch(`${url}/files?limit=50`, { headers: AUTHORIZED })).arrayBuffer();
    // The first requests warm the server up.
    if (n >= 200) times.push(performance.now() - begin);
  }
  return median(times);
}
