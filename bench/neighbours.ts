/** Measures listeners and uploads beside a busy neighbour: two loops in the process session of the server. */
import type { Uploaded } from './client.ts';
import { remove, untilReady, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { median, report, seconds } from './report.ts';
import { startServer } from './server.ts';

const ROUNDS = 3;

interface Times {
  serverReady: number;
  playable: number;
  ready: number;
}

export async function measureNeighbours(inputs: Inputs): Promise<void> {
  const song = await inputs.mp3('four-minutes.mp3', 4, '320k');
  const rounds: { idle: Times; beside: Times }[] = [];
  // In turns, for a busy host slows both.
  while (rounds.length < ROUNDS) {
    rounds.push({ idle: await timesOf(inputs, song, 0), beside: await timesOf(inputs, song, 2) });
  }
  const row = (name: keyof Times, measure: string, mustReach: string, aim: string) => {
    const ratio = median(rounds.map(({ idle, beside }) => beside[name] / idle[name]));
    const [idle, beside] = (['idle', 'beside'] as const).map((each) =>
      seconds(median(rounds.map((round) => round[each][name]))),
    );
    report({
      measure: `${measure}: beside two busy loops in its session over an idle machine`,
      result: `${ratio.toFixed(1)}x (${beside}; ${idle})`,
      mustReach,
      aim,
    });
  };
  row('serverReady', 'server started to `/readyz` 200', 'at most 3x', '');
  row('playable', '4-minute song, three renditions, last byte to playable', 'at most 3x', '2x');
  row('ready', 'the same to ready', 'at most 8x', '5x');
}

async function timesOf({ folder }: Inputs, song: string, neighbours: number): Promise<Times> {
  const begin = performance.now();
  const server = await startServer(folder, {}, neighbours);
  try {
    const serverReady = performance.now() - begin;
    const { track, flushedAt, answeredAt }: Uploaded = await upload(server.url, song);
    await untilReady(server.url, track);
    const ready = performance.now() - flushedAt;
    await remove(server.url, track);
    return { serverReady, playable: answeredAt - flushedAt, ready };
  } finally {
    await server.stop();
  }
}
