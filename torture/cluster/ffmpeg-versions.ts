/** Nodes whose ffmpeg differs: each rendition is encoded by one of them. */

import { parseSegmentName } from '../../src/presentation/segment-name.ts';
import type { Cluster } from '../../testkit/cluster.ts';
import { untilHeld } from './leases.ts';
import { beginTrack, endTrack } from './owner-faults.ts';
import { check, type Scenario, secondsSince, withFault } from './scenario.ts';

/** Resolves with the encode hashes of each rendition that are stored. One hash is one version of ffmpeg. */
async function hashesOf(cluster: Cluster, home: string): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  for (const key of await cluster.objects()) {
    const id = key.startsWith(`segments/${home}/`) ? parseSegmentName(key.split('/')[2] ?? '') : undefined;
    if (!id) continue;
    const hashes = found.get(id.renditionId) ?? new Set();
    found.set(id.renditionId, hashes.add(id.encodeHash));
  }
  return found;
}

const twoVersions: Scenario = {
  id: 'two-ffmpegs',
  fault: 'two versions of ffmpeg: the owner is killed, then the only other node of its version',
  must: 'the node of the same version goes on; the other begins anew; a rendition is never mixed',
  otherFfmpegOn: 'b',
  async run(arena) {
    const { cluster, nodes } = arena;
    const [owner, other, same] = nodes;
    await arena.settled();
    const { track, lease, home } = await beginTrack(arena, 10);
    const first = await hashesOf(cluster, home);
    return withFault(
      async () => {
        const startedAt = performance.now();
        await owner.kill();
        const second = await untilHeld(cluster, track.filename, lease.epoch);
        const secondAfter = secondsSince(startedAt);
        await same.kill();
        const killedAt = performance.now();
        const third = await untilHeld(cluster, track.filename, second.epoch, 40_000);
        const thirdAfter = secondsSince(killedAt);
        check(new Set([lease.node, second.node, third.node]).size === 3, 'the wrong node has taken over');
        await same.start();
        const end = await endTrack(arena, track.filename);
        const last = await hashesOf(cluster, home);
        for (const [rendition, hashes] of last) {
          check(hashes.size === 1, `${rendition} has segments of ${hashes.size} versions`);
          const before = [...(first.get(rendition) ?? [])];
          check(!before.some((hash) => hashes.has(hash)), `${rendition} still is of the first version`);
        }
        return `same version after ${secondAfter}, the other one anew after ${thirdAfter}; one version each; ${end}`;
      },
      async () => {
        await Promise.all([owner, other, same].filter(({ isAlive }) => !isAlive).map((node) => node.start()));
      },
    );
  },
};

export const ffmpegVersions = [twoVersions];
