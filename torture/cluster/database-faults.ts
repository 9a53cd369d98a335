/** What happens to PostgreSQL. */
import { submit } from '../submit.ts';
import { leaseOf, segmentCount, untilMoreSegments } from './leases.ts';
import { ask, type Playing, playAllTheTime } from './listeners.ts';
import { beginTrack, endTrack } from './owner-faults.ts';
import { type Arena, check, eventually, pause, type Scenario, secondsSince, withFault } from './scenario.ts';

const AWAY_MS = 8000;
const REFUSED_MS = 60_000;

/** Has a ready track that plays on every node all the time, and one that is being encoded. */
async function beginPlaying(arena: Arena, minutes: number) {
  const ready = await submit(arena.nodes[2].url, arena.file(0.2), 'ready');
  check(ready.body.status === 'ready', `the short track is ${ready.body.status}`);
  const begun = await beginTrack(arena, minutes);
  // Each node has read both records, as after any request for them.
  for (const node of arena.nodes) await ask(`${node.url}/files/${encodeURIComponent(ready.body.filename)}`);
  return { ...begun, playing: playAllTheTime(arena.nodes, ready.body) };
}

async function heard(playing: Playing): Promise<string> {
  const { plays, failures, longestMs } = await playing.stop();
  check(failures.length === 0, `${failures.length} of ${plays} plays failed, the first: ${failures[0]}`);
  return `${plays} plays, the longest ${Math.round(longestMs)} ms`;
}

/** Checks that uploads are refused with 503 on each node. */
async function assertUploadsRefused({ nodes, file }: Arena): Promise<void> {
  const replies = await Promise.all(nodes.map((node) => submit(node.url, file(0.05), 'true')));
  for (const { status, body } of replies) {
    check(status === 503, `an upload is answered with ${status} ${body.code}, not 503`);
  }
}

/** Waits until an upload on each node succeeds. @returns after how long. */
async function untilUploadsTaken({ nodes, file }: Arena): Promise<string> {
  const startedAt = performance.now();
  for (const node of nodes) {
    await eventually(20_000, async () => {
      const { status, body } = await submit(node.url, file(0.05), 'true');
      check(status === 201, `an upload on ${node.name} is still answered with ${status} ${body.code}`);
    });
  }
  return secondsSince(startedAt);
}

const restarted: Scenario = {
  id: 'postgres-restart',
  fault: 'PostgreSQL restarted',
  must: 'no lease moves, ready tracks play, all well by itself',
  async run(arena) {
    const { cluster, postgres } = arena;
    const { track, lease, home, playing } = await beginPlaying(arena, 8);
    return withFault(
      async () => {
        const startedAt = performance.now();
        await postgres.restart();
        const awayFor = secondsSince(startedAt);
        // Longer than a lease lasts.
        await pause(9000);
        const now = await leaseOf(cluster, track.filename);
        check(
          now === undefined || (now.epoch === lease.epoch && now.node === lease.node),
          `the lease has moved: ${JSON.stringify(lease)}, ${JSON.stringify(now)}`,
        );
        check(now !== undefined, 'the track was done too early to prove anything');
        await untilMoreSegments(cluster, home, await segmentCount(cluster, home));
        await untilUploadsTaken(arena);
        const plays = await heard(playing);
        return `away for ${awayFor}, same owner and epoch 9 s later; ${plays}; ${await endTrack(arena, track.filename)}`;
      },
      () => playing.stop(),
    );
  },
};

/** A scenario in which no node reaches the database for a while. */
function away(
  texts: Pick<Scenario, 'id' | 'fault'>,
  {
    forMs,
    minutes,
    begin,
    end,
  }: {
    forMs: number;
    minutes: number;
    begin(arena: Arena): Promise<unknown>;
    end(arena: Arena): Promise<unknown>;
  },
): Scenario {
  return {
    ...texts,
    must: 'encoding goes on (segments, no records), ready tracks play all the time, uploads 503, all well by itself',
    async run(arena) {
      const { cluster } = arena;
      const { track, home, playing } = await beginPlaying(arena, minutes);
      return withFault(
        async () => {
          const startedAt = performance.now();
          const before = await segmentCount(cluster, home);
          await begin(arena);
          const made = await withFault(
            async () => {
              await pause(forMs / 2);
              await assertUploadsRefused(arena);
              await pause(forMs - (performance.now() - startedAt));
              return (await segmentCount(cluster, home)) - before;
            },
            () => end(arena),
          );
          check(made > 0, 'no segment was stored while the database was away');
          const again = await untilUploadsTaken(arena);
          const plays = await heard(playing);
          const ended = await endTrack(arena, track.filename);
          return `${made} segments stored meanwhile, uploads 503 and taken again after ${again}; ${plays}; ${ended}`;
        },
        () => playing.stop(),
      );
    },
  };
}

const killed = away(
  { id: 'postgres-kill', fault: 'PostgreSQL killed and 8 s away' },
  {
    forMs: AWAY_MS,
    minutes: 8,
    begin: ({ postgres }) => postgres.crash(),
    end: ({ postgres }) => postgres.start(),
  },
);

const refusing = away(
  { id: 'postgres-refuses', fault: 'PostgreSQL refuses connections for 60 s' },
  {
    forMs: REFUSED_MS,
    minutes: 20,
    begin: ({ nodes }) => Promise.all(nodes.map(({ database }) => database.set('cut'))),
    end: ({ nodes }) => Promise.all(nodes.map(({ database }) => database.set('pass'))),
  },
);

export const databaseFaults = [restarted, killed, refusing];
