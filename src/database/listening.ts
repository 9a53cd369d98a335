/**
 * Listens to the notifications of PostgreSQL on a connection of its own. Each notification may be lost: in a gap between two
 * connections, or with a connection that is broken and looks well.
 */
import pg from 'pg';
import { sleep } from '../concurrency/sleep.ts';
import { connectionOptions } from './database.ts';

/** `track`: a record has changed. `work`: a track is free. `want`: a node asks the owner. `have`: the owner tells. */
export const CHANNELS = ['track', 'work', 'want', 'have'] as const;
export type Channel = (typeof CHANNELS)[number];

/**
 * `listening`: what others change is heard at once. `lost`: the connection broke a moment ago. `away`: the database cannot be
 * reached.
 */
export type ListeningState = 'listening' | 'lost' | 'away';

export interface Listening {
  readonly state: ListeningState;
  /** Milliseconds since the last gap, by the clock of `performance.now()`; 0 while there is one. */
  readonly forMs: number;
  /** Milliseconds of the last gap; 0 before the first one. */
  readonly gapMs: number;
  on(channel: Channel, heard: (payload: string) => void): void;
  /** Calls `resync` each time that listening begins: notifications may have been lost before. */
  onBegin(resync: () => void): void;
  close(): Promise<void>;
}

/** A connection can be half open for hours: it is asked this often whether it still listens. */
const HEARTBEAT_MS = 2000;
const HEARTBEAT_TIMEOUT_MS = 2000;
const AGAIN_MS = 200;

/** Whoever reaches the database may notify of anything: what cannot be understood counts as lost, and does not end the process. */
function hear(each: (payload: string) => void, payload: string): void {
  try {
    each(payload);
  } catch {
    // Each notification may be lost.
  }
}

/** Begins to listen, and goes on after each loss until it is closed. */
export function createListening(url: string): Listening {
  const heard = new Map<string, ((payload: string) => void)[]>();
  const resyncs: (() => void)[] = [];
  const closing = new AbortController();
  let state: ListeningState = 'lost';
  let since = 0;
  let lostAt = 0;
  let gapMs = 0;

  /** Listens until the connection is lost. Rejects when it cannot be made, or does not answer any more. */
  const listen = async (client: pg.Client) => {
    const lost = new AbortController();
    const onLost = () => lost.abort();
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', ({ channel, payload }) => {
      for (const each of heard.get(channel) ?? []) hear(each, payload ?? '');
    });
    await client.connect();
    await client.query(CHANNELS.map((channel) => `listen ${channel}`).join('; '));
    state = 'listening';
    since = performance.now();
    gapMs = lostAt === 0 ? 0 : since - lostAt;
    for (const resync of resyncs) resync();
    const signal = AbortSignal.any([lost.signal, closing.signal]);
    while (!signal.aborted) {
      await sleep(HEARTBEAT_MS, { signal }).catch(() => {});
      if (!signal.aborted) await client.query('select');
    }
  };

  const keepListening = async () => {
    while (!closing.signal.aborted) {
      const client = new pg.Client({ ...connectionOptions(url), query_timeout: HEARTBEAT_TIMEOUT_MS });
      await listen(client).catch(() => {});
      // The first try after a loss tells a short gap from a database that is away.
      if (state === 'listening') lostAt = performance.now();
      state = state === 'listening' ? 'lost' : 'away';
      // A server that has gone silent does not answer to this either.
      void client.end().catch(() => {});
      if (state === 'away') await sleep(AGAIN_MS, { signal: closing.signal }).catch(() => {});
    }
  };
  const done = keepListening();

  return {
    get state() {
      return state;
    },
    get forMs() {
      return state === 'listening' ? performance.now() - since : 0;
    },
    get gapMs() {
      return gapMs;
    },
    on(channel, each) {
      heard.set(channel, [...(heard.get(channel) ?? []), each]);
    },
    onBegin(resync) {
      resyncs.push(resync);
      if (state === 'listening') resync();
    },
    async close() {
      closing.abort(new Error('closing'));
      await Promise.race([done, sleep(500, { signal: new AbortController().signal })]);
    },
  };
}
