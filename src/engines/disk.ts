/** One machine: records, originals and segments in the folders of `DATA_DIR`. */
import { isWholeSegment } from '../encoding/boxes.ts';
import { createPendingTracks } from '../facts/pending-tracks.ts';
import { openDiskLibrary } from '../library/disk.ts';
import { recover } from '../pipeline/recover.ts';
import { cacheSegments } from '../storage/cache.ts';
import { openDiskStorage } from '../storage/disk.ts';
import { inDataDir } from './data-dir.ts';
import type { Engines, EnginesOptions } from './engines.ts';

/** @throws {StartupError} with a message for the operator, when `DATA_DIR` is in use or not writable. */
export async function openDiskEngines({ config, log }: EnginesOptions): Promise<Engines> {
  const { dataDir, segmentCacheBytes: maxBytes } = config;
  const { opened, lock } = await inDataDir(dataDir, async () => ({
    storage: cacheSegments(await openDiskStorage(dataDir), { maxBytes, isWhole: isWholeSegment }),
    library: await openDiskLibrary(dataDir),
  }));
  const { storage, library } = opened;
  return {
    storage,
    library,
    places: { storage: 'uploads/ and segments/', library: 'manifests/' },
    createEncoder: ({ make, trackEvents }) => make({ library, storage, trackEvents }),
    facts: { pending: createPendingTracks(library), storage },
    start: async (encoder) => {
      await library.opened;
      await recover({ library, storage, encoder, log });
    },
    nodeState: () => undefined,
    close: () => lock.release(),
  };
}
