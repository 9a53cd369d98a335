/** Records the outcome of an analysis. The original of a track stays until then, also where originals are not kept. */
import type { Analysis } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';
import type { FactsContext } from './step.ts';

/**
 * Records an outcome, unless the track is gone, was analysed meanwhile, or has another length by now: it is then analysed again.
 * An original that is not to be kept is removed after that: a crash in between leaves one that no track owns, which is swept.
 */
export async function settleAnalysis(
  track: Track,
  analysis: Analysis,
  { library, storage, keepOriginals }: Pick<FactsContext, 'library' | 'storage' | 'keepOriginals'>,
): Promise<void> {
  let unneeded: string | null = null;
  await library.update(track.filename, (current) => {
    unneeded = null;
    if (!isPending(current) || current.home !== track.home || current.samples !== track.samples)
      return current;
    const analysed = { ...current, analysis };
    // The encoder removes that of a track which it repairs just now.
    if (keepOriginals || current.status !== 'ready' || current.upload === null) return analysed;
    unneeded = current.upload;
    return {
      ...analysed,
      upload: null,
      storedBytes: Math.max(0, current.storedBytes - current.source.bytes),
    };
  });
  if (unneeded !== null) await storage.removeUpload(unneeded);
}

/** Returns whether a track is to be analysed. */
export function isPending({ status, analysis }: Track): boolean {
  return status === 'ready' && analysis?.status === 'pending';
}
