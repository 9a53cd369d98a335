/** Whether the list, the lookups and the start stay fast as the library grows. */
import path from 'node:path';
import type { Inputs } from './inputs.ts';
import { makeRecords, makeSample } from './library.ts';
import { median, report, seconds } from './report.ts';
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
      await server.stop(round < ROUNDS - 1);
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
}

async function pageMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 600; n++) {
    const begin = performance.now();
    await (await fetch(`${url}/files?limit=50`, { headers: AUTHORIZED })).arrayBuffer();
    // The first ones find a server that is not warm.
    if (n >= 200) times.push(performance.now() - begin);
  }
  return median(times);
}
