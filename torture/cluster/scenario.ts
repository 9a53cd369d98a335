/** One row of the table of faults: what happens to a cluster, and what must be seen. */
import type { Cluster } from '../../testkit/cluster.ts';
import type { ClusterNode } from '../../testkit/cluster-node.ts';
import type { PostgresServer } from '../../testkit/postgres-server.ts';
import type { SourceFile } from '../sources.ts';

export interface Arena {
  cluster: Cluster;
  postgres: PostgresServer;
  /** Nodes that encode, in the order of their names. Whoever gets an upload owns it. */
  nodes: [ClusterNode, ClusterNode, ClusterNode];
  /** For temporary files. */
  folder: string;
  /** Resolves when every node has listened to the database for long enough to take over what others had. */
  settled(): Promise<void>;
  /** Makes a file of so many minutes that no other call makes. */
  file(minutes: number): SourceFile;
}

export interface Scenario {
  /** Key for `--only`. */
  id: string;
  fault: string;
  must: string;
  /** Name of a node that has another version of ffmpeg. */
  otherFfmpegOn?: string;
  /** Leaves the cluster as it was: all nodes up, all proxies open. @returns what was seen. @throws {Error} when that is wrong. */
  run(arena: Arena): Promise<string>;
}

/** Throws a sentence unless something holds. */
export function check(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence);
}

/** Repeats a check until it does not throw. @throws its last error after `limitMs`. */
export async function eventually<T>(limitMs: number, attempt: () => Promise<T>): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await pause(25);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns seconds since `startedAt` (of `performance.now()`), as `6.4 s`. */
export function secondsSince(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** Runs `steps` and then, whatever they did, `afterwards`. */
export async function withFault<T>(steps: () => Promise<T>, afterwards: () => Promise<unknown>): Promise<T> {
  try {
    return await steps();
  } finally {
    await afterwards();
  }
}
