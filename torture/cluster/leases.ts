/** A look at leases and objects, past the nodes. */
import type { Cluster } from '../../testkit/cluster.ts';
import { check, eventually } from './scenario.ts';

export interface Lease {
  /** Identity of the process that holds it; null when it is free. */
  node: string | null;
  epoch: number;
  isHeld: boolean;
}

/** Resolves with the lease of a track; undefined when it is settled. */
export async function leaseOf(cluster: Cluster, filename: string): Promise<Lease | undefined> {
  const [row] = await cluster.query<{ node: string | null; epoch: string; held: boolean }>(
    'select node, epoch, until > clock_timestamp() as held from work where filename = $1',
    [filename],
  );
  return row && { node: row.node, epoch: Number(row.epoch), isHeld: row.node !== null && row.held };
}

/** Waits until a node holds the lease of a track, after `epoch` if that is given. */
export async function untilHeld(
  cluster: Cluster,
  filename: string,
  epoch = -1,
  limitMs = 15_000,
): Promise<Lease> {
  return eventually(limitMs, async () => {
    const lease = await leaseOf(cluster, filename);
    check(
      lease?.isHeld === true && lease.epoch > epoch,
      `nobody holds ${filename}: ${JSON.stringify(lease)}`,
    );
    return lease;
  });
}

/** Resolves with the home of a track: the key of its objects. */
export async function homeOf(cluster: Cluster, filename: string): Promise<string> {
  const [row] = await cluster.query<{ home: string }>('select home from tracks where filename = $1', [
    filename,
  ]);
  check(row !== undefined, `${filename} has no record`);
  return row.home;
}

/** Counts the stored segments of a track. */
export async function segmentCount(cluster: Cluster, home: string): Promise<number> {
  return (await cluster.objects()).filter((key) => key.startsWith(`segments/${home}/`)).length;
}

/** Waits until more segments of a track are stored than `count`. */
export async function untilMoreSegments(cluster: Cluster, home: string, count: number, limitMs = 20_000) {
  return eventually(limitMs, async () => {
    const now = await segmentCount(cluster, home);
    check(now > count, `no segment has been stored after the first ${count}`);
    return now;
  });
}
