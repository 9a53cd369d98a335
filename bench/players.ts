/** Clients that ask for one thing after the other at a steady pace, and how long each answer took. */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { AUTHORIZED } from './server.ts';

export interface Pace {
  players: number;
  /** Milliseconds between two requests of one player. */
  everyMs: number;
  /** Requests of each player; without a number they go on until `signal` is aborted. */
  requests?: number;
  signal?: AbortSignal;
  /** The address that a player asks for as its n-th. */
  url(player: number, n: number): string;
}

/** Each player has a connection of its own. Resolves with the latencies in milliseconds, those of connecting left out. */
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

/** Resolves when the answer has arrived, or as soon as `enoughBytes` of it have. @throws when its status is not 2xx. */
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

/** Asks for `/healthz` every 2 ms until `work` is done. Resolves with the longest time that an answer took, in ms. */
export async function longestStall(url: string, work: () => Promise<unknown>): Promise<number> {
  const stop = new AbortController();
  const probe = { players: 1, everyMs: 2, signal: stop.signal, url: () => `${url}/healthz` };
  const probing = pacedPlayers(probe);
  await work();
  stop.abort();
  return Math.max(...(await probing));
}

/** Headers of a client that has a key, and takes what browsers take. */
export const BROWSER = { ...AUTHORIZED, 'accept-encoding': 'gzip, deflate, br' };
