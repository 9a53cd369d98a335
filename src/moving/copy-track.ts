/** Copies one track: its files first, its record after, so that a record says only what is stored. */
import { renderMpd } from '../presentation/mpd.ts';
import type { Track } from '../tracks/track.ts';
import { type CopyFilesOptions, copyFiles, DamagedSourceError } from './copy-files.ts';
import type { Source, Target } from './sides.ts';
import { isSameRecord, type Step } from './step.ts';

/**
 * `copied`: it is at the target. `there`: all of it was at the target before. `later`: it changes, and is to be tried again.
 * `waiting`: a server is encoding it. `gone`: it was deleted at the source. `refused`: it cannot be copied, as `reason` says.
 */
export type Outcome =
  | { kind: 'copied' | 'there' | 'later' | 'waiting' | 'gone' }
  | { kind: 'refused'; reason: string };

export type CopyTrackOptions = Omit<CopyFilesOptions, 'from' | 'to' | 'home' | 'isUnchanged'> & {
  source: Source;
  target: Target;
};

/** Copies a track as `step` says. Throws where a side does not answer, and the signal's reason. */
export async function copyTrack(track: Track, step: Step, options: CopyTrackOptions): Promise<Outcome> {
  const { source, target } = options;
  if (step.kind === 'refuse') return { kind: 'refused', reason: step.reason };
  if (step.kind === 'own') return { kind: 'there' };
  if (track.status === 'processing' && (await source.isEncoding(track.filename))) return { kind: 'waiting' };
  const home = step.kind === 'add' ? target.newHome(track) : step.there.home;
  try {
    const isUnchanged = step.kind === 'same';
    const copied = await copyFiles(track, {
      ...options,
      ...{ from: source.files, to: target.files, home, isUnchanged },
    });
    if (step.kind === 'same') return { kind: copied > 0 ? 'copied' : 'there' };
    const changed = await whatChanged(track, source);
    if (changed) return changed;
    return (await record({ ...track, home }, step, target)) ? { kind: 'copied' } : { kind: 'later' };
  } catch (error) {
    if (!(error instanceof DamagedSourceError)) throw error;
    return (await whatChanged(track, source)) ?? { kind: 'refused', reason: error.message };
  }
}

/** Resolves with undefined for a track that is still as it was read. */
async function whatChanged(track: Track, source: Source): Promise<Outcome | undefined> {
  const now = await source.get(track.filename);
  if (!now) return { kind: 'gone' };
  return isSameRecord(now, track) ? undefined : { kind: 'later' };
}

async function record(
  track: Track,
  step: Extract<Step, { kind: 'add' | 'replace' }>,
  { files, importing }: Target,
): Promise<boolean> {
  if (track.status === 'ready') {
    await files.putManifest(track.home, (segmentBase) => renderMpd(track, segmentBase));
  }
  return step.kind === 'add' ? importing.add(track) : importing.replace(step.held, track);
}
