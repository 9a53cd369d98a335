/** Measures serving of segments and manifests against nginx and a bare @fastify/static, in turns, with the same bytes. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { manifestUrl, remove, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { makeLongTrack, makeSample } from './library.ts';
import { pacedPlayers } from './players.ts';
import { quantile, report } from './report.ts';
import { inTurns, startFastifyStatic, startNginx, startNodeHttp, wrk } from './rivals.ts';
import { type BenchServer, CACHE_BYTES, startServer } from './server.ts';
import { measureSilence } from './silence.ts';

const SEGMENTS = 20_000;
const PLAYERS = 500;

export async function measureServing(inputs: Inputs): Promise<void> {
  if (process.env.WRK_PATH === undefined || process.env.NGINX_PATH === undefined) {
    process.stderr.write('NOT MEASURED: serving. It needs wrk and nginx: apt-get install wrk nginx-light.\n');
    return;
  }
  const { folder } = inputs;
  const dataDir = path.join(folder, 'serving');
  const sample = await makeSample(inputs);
  const names = await makeLongTrack(dataDir, sample, SEGMENTS);
  const server = await startServer(folder, { DATA_DIR: dataDir });
  const nginx = await startNginx(folder, dataDir);
  const bare = await startFastifyStatic(dataDir);
  const manifestAddress = await manifestUrl(server.url, 'long.mp3');
  const ours = manifestAddress.replace(/manifest$/, 'segment/');
  const theirs = '/segments/long.mp3/';
  const cached = names[10] as string;
  const node = await startNodeHttp(path.join(dataDir, 'segments', 'long.mp3', cached));

  const { ratios, rates } = await inTurns([
    () => wrk(ours + cached),
    () => wrk(nginx.url + theirs + cached),
    () => wrk(bare.url + theirs + cached),
    () => wrk(node.url),
  ]);
  report({
    measure: `cached segment of ${Math.round(sample.segment.length / 1000)} kB, requests/s over nginx's`,
    result: `${ratio(ratios, 0, 1)} (${thousands(rates[0])}; ${thousands(rates[1])})`,
    mustReach: '0.75',
    aim: '1.0',
  });
  report({
    measure: 'the same over bare `@fastify/static`',
    result: `${ratio(ratios, 0, 2)}x (${thousands(rates[2])})`,
    mustReach: '8x',
    aim: '11x',
  });
  report({
    measure: "the same over Node's own HTTP server answering from memory, the upper limit",
    result: `${ratio(ratios, 0, 3)} (${thousands(rates[3])})`,
    mustReach: '',
    aim: '',
  });
  await node.stop();

  // A query as dash.js sends it (CTA-5004).
  const cmcd = `?CMCD=${encodeURIComponent('bl=21300,br=128,cid="faec5fc2-ac30",d=4004,mtp=48100,ot=a,sf=d,sid="6e2fb550-c457",st=v,tb=256')}`;
  const queried = await inTurns([
    () => wrk(ours + cached + cmcd),
    () => wrk(ours + cached),
    () => wrk(manifestAddress + cmcd),
    () => wrk(manifestAddress),
  ]);
  report({
    measure: 'requests/s with a `?CMCD=` query over those without: cached segment; manifest',
    result: `${ratio(queried.ratios, 0, 1)}; ${ratio(queried.ratios, 2, 3)}`,
    mustReach: '0.95',
    aim: '1.0',
  });

  const random = async (prefix: string) => {
    const script = path.join(folder, 'random.lua');
    const [before] = (names[0] as string).split('00001.m4s');
    await writeFile(
      script,
      `request = function() return wrk.format("GET", string.format("${prefix}${before}%05d.m4s", math.random(1, ${SEGMENTS}))) end\n`,
    );
    return script;
  };
  const distinct = await inTurns(
    [
      async () => wrk(server.url, { script: await random(new URL(ours).pathname) }),
      async () => wrk(bare.url, { script: await random(theirs) }),
      async () => wrk(nginx.url, { script: await random(theirs) }),
    ],
    3,
  );
  report({
    measure: '20,000 distinct segments, five times the cache, random: over bare `@fastify/static`',
    result: `${ratio(distinct.ratios, 0, 1)}x (${thousands(distinct.rates[0])}; ${thousands(distinct.rates[1])}; nginx ${thousands(distinct.rates[2])})`,
    mustReach: '1.5x',
    aim: '3x',
  });

  const manifest = Buffer.from(await (await fetch(manifestAddress)).arrayBuffer());
  await writeFile(path.join(dataDir, 'manifest.mpd'), manifest);
  const manifests = await inTurns([() => wrk(manifestAddress), () => wrk(`${nginx.url}/manifest.mpd`)], 3);
  report({
    measure: 'manifest requests/s over nginx serving a static file of that size',
    result: `${ratio(manifests.ratios, 0, 1)} (${thousands(manifests.rates[0])}; ${thousands(manifests.rates[1])})`,
    mustReach: '0.5',
    aim: '0.8',
  });
  await Promise.all([nginx.stop(), bare.stop()]);

  await measureMemory(server, await random(new URL(ours).pathname), {
    cached: ours + cached,
    manifest: manifestAddress,
  });
  await measureWhileEncoding(inputs, server, ours, names);
  await server.stop();
  await measureSilence(inputs);
}

async function measureMemory(
  server: BenchServer,
  script: string,
  { cached, manifest }: { cached: string; manifest: string },
): Promise<void> {
  const mixed = async () => {
    await wrk(server.url, { script, durationSeconds: 10 });
    await wrk(cached, { durationSeconds: 5 });
    await wrk(manifest, { durationSeconds: 5 });
    return (await server.residentBytes()) ?? 0;
  };
  const seen: number[] = [];
  for (let round = 0; round < 4; round++) seen.push(await mixed());
  const above = seen.map((bytes) => `${Math.round((bytes - CACHE_BYTES) / 1e6)}`);
  report({
    measure: "memory above the cache's size after long mixed load, every 20 s",
    result: `${above.join(', ')} MB`,
    mustReach: '120 MB, flat',
    aim: '80 MB',
  });
}

async function measureWhileEncoding(
  inputs: Inputs,
  server: BenchServer,
  prefix: string,
  names: string[],
): Promise<void> {
  const cached = prefix + names[10];
  const file = await inputs.mp3('ten-hours.mp3', 600);
  const pairs: number[] = [];
  for (let round = 0; round < 5; round++) {
    const idle = await wrk(cached);
    const { track } = await upload(server.url, file);
    pairs.push((await wrk(cached)) / idle);
    await remove(server.url, track);
    await pause(500);
  }
  report({
    measure: 'cached requests/s with encodes on all cores over idle',
    result: quantile(pairs, 0.5).toFixed(2),
    mustReach: '0.9',
    aim: '0.95',
  });
  // Latency of an idle server, for comparison.
  const url = (player: number, n: number) => `${prefix}${names[(player * 7 + n) % 2000]}`;
  const pace = { players: PLAYERS, everyMs: 4000, requests: 6, url };
  const idle = await pacedPlayers(pace);
  const { track } = await upload(server.url, file);
  const latencies = await pacedPlayers(pace);
  await remove(server.url, track);
  report({
    measure: `p99 latency of ${PLAYERS} paced players (one request each per 4 s) while all cores encode`,
    result: `${quantile(latencies, 0.99).toFixed(1)} ms (median ${quantile(latencies, 0.5).toFixed(1)} ms; idle ${quantile(idle, 0.99).toFixed(1)} ms)`,
    mustReach: 'under 20 ms',
    aim: '5 ms',
  });
}

const ratio = (ratios: number[][], over: number, under: number) => (ratios[over]?.[under] ?? 0).toFixed(2);
const thousands = (rate: number | undefined) => `${((rate ?? 0) / 1000).toFixed(1)}k/s`;
