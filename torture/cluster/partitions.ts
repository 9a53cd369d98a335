/** The owner is cut off from one engine, and the other nodes are not. */

import type { ClusterNode } from '../../testkit/cluster-node.ts';
import type { FaultProxy } from '../../testkit/fault-proxy.ts';
import { trackAt } from '../exact.ts';
import { segmentUrls } from '../on-timeline.ts';
import { homeOf, leaseOf, segmentCount, untilHeld } from './leases.ts';
import { ask, askForEnd } from './listeners.ts';
import { beginTrack, endTrack } from './owner-faults.ts';
import { type Arena, check, pause, type Scenario, secondsSince, withFault } from './scenario.ts';

/** Twice as long as a lease lasts. */
const CUT_MS = 12_000;

interface Cut {
  id: string;
  fault: string;
  engine: (node: ClusterNode) => FaultProxy;
  begin: 'cut' | 'hang';
  /** Between the fault and its end: what was held back is lost with `cut`, and arrives late without. */
  heal: 'cut' | 'pass';
  /** Whether another node must have taken the track over meanwhile. */
  movesLease: boolean;
}

function scenario({ id, fault, engine, begin, heal, movesLease }: Cut): Scenario {
  return {
    id,
    fault,
    must: 'no double outcome: one owner writes the record, every segment once, exact to the sample',
    async run(arena) {
      const { cluster, nodes } = arena;
      const [owner, other] = nodes;
      await arena.settled();
      const { track, lease } = await beginTrack(arena, 10);
      const startedAt = performance.now();
      await engine(owner).set(begin);
      const seen = await withFault(
        async () => {
          const moved = movesLease
            ? await untilHeld(cluster, track.filename, lease.epoch, CUT_MS).then(() =>
                secondsSince(startedAt),
              )
            : undefined;
          const reply = moved === undefined ? undefined : await askForEnd(other, track);
          check(
            reply === undefined || reply.status === 200,
            `a segment is answered with ${reply?.status} ${reply?.code}`,
          );
          const readyz = await ask(`${owner.url}/readyz`);
          check(readyz.status === 503, `the node that is cut off says that it is ready: ${readyz.status}`);
          await pause(CUT_MS - (performance.now() - startedAt));
          const isKept = (await leaseOf(cluster, track.filename))?.epoch === lease.epoch;
          return moved ?? (isKept ? undefined : 'less than 12 s');
        },
        async () => {
          if (heal === 'cut') await engine(owner).set('cut');
          await engine(owner).set('pass');
        },
      );
      const end = await endTrack(arena, track.filename);
      await assertSingleOutcome(arena, track.filename);
      const moved = seen === undefined ? 'the owner kept its lease' : `taken over after ${seen}`;
      return `${moved}; ${end}; no object twice, one record`;
    },
  };
}

/** Checks that a ready track has its segments and nothing else, and that no node believes that it still owns it. */
async function assertSingleOutcome({ cluster, nodes }: Arena, filename: string): Promise<void> {
  check((await leaseOf(cluster, filename)) === undefined, 'the track is ready and has a lease');
  const home = await homeOf(cluster, filename);
  const urls = await segmentUrls(nodes[0].url, await trackAt(nodes[0].url, filename));
  // Each rendition has an init segment beside these.
  const expected = urls.flat().length + urls.length;
  const stored = await segmentCount(cluster, home);
  check(stored === expected, `${stored} segments are stored instead of ${expected}`);
  for (const node of nodes) {
    const reply = await ask(`${node.url}/readyz`);
    check(reply.status === 200, `${node.name} is not ready again: ${reply.status}`);
  }
}

const cuts: Cut[] = [
  {
    id: 'no-postgres',
    fault: 'the owner is cut off from PostgreSQL only, for 12 s',
    engine: (node) => node.database,
    begin: 'cut',
    heal: 'pass',
    movesLease: true,
  },
  {
    id: 'no-s3',
    fault: 'the owner is cut off from S3 only, for 12 s',
    engine: (node) => node.s3,
    begin: 'cut',
    heal: 'pass',
    movesLease: false,
  },
  {
    id: 'half-open-postgres',
    fault: 'half-open connections from the owner to PostgreSQL, for 12 s; what was sent is lost',
    engine: (node) => node.database,
    begin: 'hang',
    heal: 'cut',
    movesLease: true,
  },
  {
    id: 'late-postgres',
    fault: 'half-open connections from the owner to PostgreSQL, for 12 s; what was sent arrives late',
    engine: (node) => node.database,
    begin: 'hang',
    heal: 'pass',
    movesLease: true,
  },
  {
    id: 'half-open-s3',
    fault: 'half-open connections from the owner to S3, for 12 s',
    engine: (node) => node.s3,
    begin: 'hang',
    heal: 'pass',
    movesLease: false,
  },
];

export const partitions = cuts.map(scenario);
