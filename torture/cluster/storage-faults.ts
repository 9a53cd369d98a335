/** What happens to S3, seen from all nodes. */
import type { Fault } from '../../testkit/fault-proxy.ts';
import { submit } from '../submit.ts';
import { segmentCount, untilMoreSegments } from './leases.ts';
import { askForEnd } from './listeners.ts';
import { beginTrack, endTrack } from './owner-faults.ts';
import { type Arena, check, pause, type Scenario, secondsSince, withFault } from './scenario.ts';

const FAULT_MS = 20_000;

async function setAll({ nodes }: Arena, fault: Fault): Promise<void> {
  await Promise.all(nodes.map(({ s3 }) => s3.set(fault)));
}

/** @param held statuses that a held request may get. */
function scenario(id: string, fault: string, mode: Fault, held: readonly number[]): Scenario {
  return {
    id,
    fault,
    must: 'held requests 503, nothing lost, all well by itself',
    async run(arena) {
      const { cluster, nodes, file } = arena;
      const { track, home } = await beginTrack(arena, 8);
      const startedAt = performance.now();
      await setAll(arena, mode);
      const seen = await withFault(
        async () => {
          const upload = submit(nodes[1].url, file(0.05), 'true');
          const replies = await Promise.all(nodes.map((node) => askForEnd(node, track)));
          for (const { status, code } of replies) {
            check(held.includes(status), `a held segment is answered with ${status} ${code}`);
          }
          const { status, body } = await upload;
          check([201, 202, 503].includes(status), `an upload is answered with ${status} ${body.code}`);
          await pause(FAULT_MS - (performance.now() - startedAt));
          const statuses = replies.map((reply) => `${reply.status} after ${Math.round(reply.tookMs)} ms`);
          return { statuses, upload: `${status}${body.code ? ` ${body.code}` : ''}` };
        },
        () => setAll(arena, 'pass'),
      );
      const wellAt = performance.now();
      await untilMoreSegments(cluster, home, await segmentCount(cluster, home), 40_000);
      const well = secondsSince(wellAt);
      const end = await endTrack(arena, track.filename);
      return `held: ${seen.statuses.join(', ')}; upload: ${seen.upload}; stores again after ${well}; ${end}`;
    },
  };
}

export const storageFaults = [
  scenario('s3-refuses', 'S3 refuses connections for 20 s', 'cut', [503]),
  scenario('s3-slow', 'S3 is slow by 2 s, for 20 s', { delayMs: 2000 }, [200, 503]),
  scenario('s3-slow-down', 'S3 answers 503 SlowDown for 20 s', 'slow-down', [503]),
];
