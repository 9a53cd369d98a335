/** Covers in a real PostgreSQL and a real S3 server, also changed by two nodes at once. */
import { beforeAll, describe, expect, it } from 'vitest';
import { editCover } from '../../src/facts/change-cover.ts';
import { COVER_SIZES, coverFileName } from '../../src/facts/cover-files.ts';
import { coversContract } from '../contracts/covers.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { sampleDraft } from '../support/sample-track.ts';
import { startServer, type TestServer } from '../support/server.ts';

describe.runIf(hasPostgres && hasS3)('covers in a cluster', () => {
  let nodes: TestServer[];
  beforeAll(async () => {
    // Nodes that encode nothing: the tracks have no originals.
    const env = { ...(await freshDatabase()), ...(await freshBucket()), ROLE: 'api' };
    nodes = await Promise.all([startServer(env), startServer(env)]);
  });
  describe('as everywhere', () => coversContract(async () => (nodes[0] as TestServer).services));

  it('of changes on two nodes at once are one of them, whole', async () => {
    const [{ services: one }] = nodes as [TestServer];
    const { track } = await one.library.add('shared.mp3', sampleDraft('shared'));
    const changes = Array.from({ length: 6 }, (_, n) => {
      const files = new Map(COVER_SIZES.map((size) => [size, Buffer.from(`picture ${n} of ${size}`)]));
      return editCover(track.filename, { files, accept: () => {} }, (nodes[n % 2] as TestServer).services);
    });
    await Promise.all(changes);
    for (const { services } of nodes) {
      const now = await services.library.get(track.filename);
      const named = COVER_SIZES.map((size) => now?.cover && coverFileName(now.cover, size));
      expect((await services.storage.listSidecars(track.home)).sort()).toEqual(named.sort());
    }
  });
});
