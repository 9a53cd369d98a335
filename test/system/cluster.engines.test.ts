/** `npm run chaos -- --cluster`, shortened: three nodes as processes, on a real PostgreSQL and a real S3 server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engines, startEngines } from '../../testkit/cluster.ts';
import { hasPostgres } from '../../testkit/postgres-server.ts';
import { hasS3 } from '../../testkit/s3-server.ts';
import { type OpenArena, openArena } from '../../torture/cluster/arena.ts';
import { scenarios } from '../../torture/cluster/faults.ts';
import { clusterKills } from '../../torture/cluster/kills.ts';
import { isThere } from '../support/requirement.ts';

const hasEngines = isThere(hasPostgres() && hasS3(), {
  what: 'PostgreSQL or Ceph is not installed (apt-get install postgresql radosgw ceph-mon ceph-osd)',
  untested: 'what a cluster survives',
});

describe.runIf(hasEngines)('three nodes', () => {
  let engines: Engines;
  let arena: OpenArena;

  beforeAll(async () => {
    engines = await startEngines();
    arena = await openArena(engines, { shorten: 0.25 });
  });
  afterAll(async () => {
    await arena?.close();
    await engines?.remove();
  });

  // Meanwhile the nodes of the arena come to listen for long enough to take over what others had.
  it('lose nothing when they are killed at random instants', async () => {
    const report = await clusterKills(engines, { kills: 3, seed: 11, formats: 3, log: () => {} });
    expect(report.failures).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(0);
  });

  // Those that restart a node come last, for it takes over nothing at first.
  const chosen = ['same-bytes', 'same-name', 'delete-elsewhere', 'kill-owner', 'stop-owner'];
  const inOrder = chosen.flatMap((id) => scenarios.filter((scenario) => scenario.id === id));
  it.each(inOrder)('$fault: $must', async (scenario) => {
    await scenario.run(arena);
  });

  it('say in each line of their logs who they are', () => {
    for (const { name, log } of arena.nodes) {
      expect(log.lines.length).toBeGreaterThan(0);
      expect(log.lines.filter(({ level, node }) => level > 0 && node !== name)).toEqual([]);
    }
  });
});
