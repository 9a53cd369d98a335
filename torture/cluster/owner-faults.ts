/** What happens to the node that encodes a track. */
import { assertExact, untilReady } from '../exact.ts';
import { submit } from '../submit.ts';
import { homeOf, leaseOf, segmentCount, untilHeld } from './leases.ts';
import { ask, askForEnd, playAllTheTime, untilPlayable } from './listeners.ts';
import { type Arena, check, type Scenario, secondsSince, withFault } from './scenario.ts';

/** A player waits so long for a segment. */
const PLAYER_WAITS_MS = 9000;
const HANDOVER_MS = 1000;
const FROZEN_MS = 12_000;

/** Uploads a long track to the first node, and resolves when the others can play it. */
export async function beginTrack({ cluster, nodes, file }: Arena, minutes: number) {
  const [owner, other] = nodes;
  const source = file(minutes);
  const { status, body } = await submit(owner.url, source, 'true');
  check(status === 201 || status === 202, `the upload is answered with ${status} ${body.code}`);
  const track = await untilPlayable(other, body.filename);
  return {
    track,
    lease: await untilHeld(cluster, track.filename),
    home: await homeOf(cluster, track.filename),
  };
}

/** Waits until a track is ready on a node, and checks it to the sample. @returns a sentence. */
export async function endTrack({ cluster, folder, nodes }: Arena, filename: string): Promise<string> {
  const track = await untilReady(nodes[1].url, filename);
  const renditions = await assertExact(nodes[2].url, track, folder);
  const lease = await leaseOf(cluster, filename);
  check(lease === undefined, `${filename} is ready and has a lease: ${JSON.stringify(lease)}`);
  return `ready, ${renditions} renditions exact to the sample`;
}

const killedOwner: Scenario = {
  id: 'kill-owner',
  fault: 'kill -9 of the owner while a listener holds a segment on another node',
  must: 'answered within 9 s; ready, exact to the sample',
  async run(arena) {
    const { cluster, nodes } = arena;
    const [owner, other] = nodes;
    await arena.settled();
    const { track, lease } = await beginTrack(arena, 6);
    return withFault(
      async () => {
        const [reply] = await Promise.all([askForEnd(other, track), owner.kill()]);
        const tookMs = Math.round(reply.tookMs);
        check(reply.status === 200, `the held segment is answered with ${reply.status} ${reply.code}`);
        check(tookMs <= PLAYER_WAITS_MS, `the held segment took ${tookMs} ms`);
        const now = await leaseOf(cluster, track.filename);
        check(now === undefined || now.node !== lease.node, 'the killed node still holds the lease');
        return `answered after ${tookMs} ms; ${await endTrack(arena, track.filename)}`;
      },
      () => owner.start(),
    );
  },
};

const stoppedOwner: Scenario = {
  id: 'stop-owner',
  fault: 'SIGTERM of the owner under load',
  must: 'handed over within 1 s, no failed request',
  async run(arena) {
    const { cluster, nodes, file } = arena;
    const [owner, other, third] = nodes;
    const ready = await submit(third.url, file(0.2), 'ready');
    const { track, lease } = await beginTrack(arena, 6);
    const playing = playAllTheTime([other, third], ready.body);
    return withFault(
      async () => {
        // In flight on the node that stops, and held on the others.
        const inFlight = [ask(`${owner.url}/files/${encodeURIComponent(track.filename)}`)];
        const held = [askForEnd(other, track), askForEnd(third, track)];
        const startedAt = performance.now();
        const stopped = owner.stop();
        await untilHeld(cluster, track.filename, lease.epoch);
        const handedOverMs = Math.round(performance.now() - startedAt);
        const exit = await stopped;
        const stoppedAfter = secondsSince(startedAt);
        check(exit === 0, `the owner ended with ${exit}`);
        const replies = await Promise.all([...inFlight, ...held]);
        const failed = replies.filter(({ status }) => status !== 200);
        check(failed.length === 0, `requests failed: ${JSON.stringify(failed)}`);
        const { plays, failures } = await playing.stop();
        check(failures.length === 0, `plays failed: ${failures[0]}`);
        check(handedOverMs <= HANDOVER_MS, `handed over after ${handedOverMs} ms`);
        const end = await endTrack(arena, track.filename);
        return `handed over after ${handedOverMs} ms, stopped after ${stoppedAfter}, ${plays} plays and ${replies.length} held requests without a failure; ${end}`;
      },
      async () => {
        await playing.stop();
        await owner.start();
      },
    );
  },
};

const frozenOwner: Scenario = {
  id: 'freeze-owner',
  fault: 'SIGSTOP of the owner for 12 s, then SIGCONT',
  must: 'another node goes on; what the zombie writes changes nothing',
  async run(arena) {
    const { cluster, nodes } = arena;
    const [owner, other] = nodes;
    await arena.settled();
    const { track, lease, home } = await beginTrack(arena, 10);
    const startedAt = performance.now();
    owner.freeze();
    const next = await withFault(
      async () => {
        const taken = await untilHeld(cluster, track.filename, lease.epoch, FROZEN_MS);
        const takenAfter = secondsSince(startedAt);
        const reply = await askForEnd(other, track);
        check(reply.status === 200, `a segment is answered with ${reply.status} ${reply.code}`);
        const before = await segmentCount(cluster, home);
        await new Promise((resolve) => setTimeout(resolve, FROZEN_MS - (performance.now() - startedAt)));
        const made = (await segmentCount(cluster, home)) - before;
        check(made > 0, 'the other node has stored no segment');
        return { taken, takenAfter, made };
      },
      async () => owner.thaw(),
    );
    const end = await endTrack(arena, track.filename);
    const [{ record }] = (await cluster.query<{ record: { status: string; renditions: unknown[] } }>(
      'select record from tracks where filename = $1',
      [track.filename],
    )) as [{ record: { status: string; renditions: unknown[] } }];
    check(record.status === 'ready', `the record says ${record.status} after the zombie came back`);
    return `taken over after ${next.takenAfter}, ${next.made} segments by the other node while it was frozen; ${end}`;
  },
};

export const ownerFaults = [killedOwner, stoppedOwner, frozenOwner];
