/** Runs clients that send requests at a steady pace, and measures the times of the responses. */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { AUTHORIZED } from './server.ts';

export interface Pace {
  players: number;
  /** Milliseconds between two requests of one player. */
  everyMs: number;
  /** Requests of each player; by default until `signal` aborts. */
  requests?: number;
  signal?: AbortSignal;
  /** Returns the address of the n-th request of a player. */
  url(player: number, n: number): string;
}

/** Runs players, each on its own connection. Resolves with the latencies in milliseconds, without the time to connect. */
export async function pacedPlayers({ players, everyMs, requests, signal, url }: Pace): Promise<number[]> {
  const latencies: number[] = [];
  const play = async (player: number) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await pause((player / players) * everyMs);
    for (let n = 0; n < (requests ?? Number.POSITIVE_INFINITY) && !signal?.aborted; n++) {
      const begin = performance.now();
      await download(url(player, n), { agent });
      if (n > 0) latencies.push(performance.now() - begin);
      await pause(Math.max(0, everyMs - (performance.now() - begin)));
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: players }, (_, player) => play(player)));
  return latencies;
}

/** Resolves when the response, or `enoughBytes` of it, has arrived. @throws when its status is not 2xx. */
export function download(
  url: string,
  options: http.RequestOptions = {},
  enoughBytes = Number.POSITIVE_INFINITY,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      if (Math.floor((response.statusCode ?? 0) / 100) !== 2) {
        reject(new Error(`${response.statusCode} ${url}`));
      }
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes < enoughBytes) return;
        resolve();
        request.destroy();
      });
      response.once('end', resolve);
    });
    request.once('error', reject).end();
  });
}

/** Requests `/healthz` every 2 ms until `work` is done. Resolves with the longest time of a response in milliseconds. */
export async function longestStall(url: string, work: () => Promise<unknown>): Promise<number> {
  const stop = new AbortController();
  const probe = { players: 1, everyMs: 2, signal: stop.signal, url: () => `${url}/healthz` };
  const probing = pacedPlayers(probe);
  await work();
  stop.abort();
  return Math.max(...(await probing));
}

/** Headers of a client with an API key that accepts the codings of browsers. */
export const BROWSER = { ...AUTHORIZED, 'accept-encoding': 'gzip, deflate, br' };
