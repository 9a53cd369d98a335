/** Compares the target with the source, and what is stored at the target with its records. */
import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import type { InPlace } from '../library/importing.ts';
import { verifyTrack } from '../pipeline/verify.ts';
import type { StoredSegment } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { originalsOf } from './copy-files.ts';
import { patiently } from './patience.ts';
import { type Copied, placesOf, type RoundsOptions } from './rounds.ts';
import type { Source, Target } from './sides.ts';
import { isSameRecord, nextStep } from './step.ts';

export interface Checked {
  /** Tracks that are at the target, as they are at the source. */
  right: number;
  /** Tracks at the target that the source does not have. */
  others: number;
  /** What is wrong with tracks, by their names. */
  wrong: Map<string, string[]>;
  /** Tracks that have come, or changed, after they were looked at for copying. */
  missed: Set<string>;
  /** Tracks that were deleted at the source after they were copied. */
  gone: string[];
}

const TRACKS_AT_ONCE = 4;

/** Reads all that is stored at the target. Throws as `copyInRounds`. */
export async function checkCopies(options: RoundsOptions & { copied: Copied }): Promise<Checked> {
  const { target, progress, signal, copied } = options;
  const checked: Checked = { right: 0, others: 0, wrong: new Map(), missed: new Set(), gone: [] };
  const left = new Set(copied.names);
  let matched = 0;

  const check = async ({ track, inPlace }: { track: Track; inPlace: InPlace }) => {
    const { filename } = track;
    left.delete(filename);
    const step = nextStep(track, inPlace);
    if (step.kind !== 'same' && step.kind !== 'own') {
      if (step.kind === 'replace') matched++;
      const isKnown = [copied.refused, copied.waiting, copied.later].some((known) => known.has(filename));
      if (!isKnown) checked.missed.add(filename);
      return;
    }
    matched++;
    const problems = await problemsOf(track, step.there, options);
    if (problems === undefined) checked.missed.add(filename);
    else if (problems.length > 0) checked.wrong.set(filename, problems);
    else checked.right++;
  };
  await fewAtATime(placesOf(options, new Map()), TRACKS_AT_ONCE, async (item) => {
    signal.throwIfAborted();
    await patiently(() => check(item), { signal, onRetry: progress.trouble });
    progress.copied(item.track.storedBytes);
    progress.done(item.track);
  });
  checked.gone = [...left];
  checked.others = Math.max(0, (await target.importing.count()) - matched - left.size);
  return checked;
}

/** Resolves with what is wrong with a track at the target; with undefined where one of the two sides changes it. */
async function problemsOf(
  track: Track,
  there: Track,
  { source, target }: { source: Source; target: Target },
): Promise<string[] | undefined> {
  const problems: string[] = [];
  const stored = await target.files.listSegments(there.home);
  const sidecars = await target.files.listSidecars(there.home);
  const files = {
    ...target.files,
    listSegments: async () => stored,
    listSidecars: async () => sidecars.map(({ name }) => name),
  };
  for await (const { problem } of verifyTrack(there, files)) problems.push(problem);
  if (isSameRecord(track, there)) {
    problems.push(...(await differences(track, [...stored, ...sidecars], { source, target })));
  }
  if (problems.length === 0) return problems;
  const now = await source.get(track.filename);
  const [place] = await target.importing.find([track]);
  const isStill =
    now && isSameRecord(now, track) && place?.byName?.track && isSameRecord(place.byName.track, there);
  return isStill ? problems : undefined;
}

/** Resolves with the files of a track that are not the same on both sides. */
async function differences(
  track: Track,
  stored: readonly StoredSegment[],
  { source, target }: { source: Source; target: Target },
): Promise<string[]> {
  const sizes = new Map(stored.map(({ name, bytes }) => [name, bytes]));
  const { files } = source;
  const wanted = [...(await files.listSegments(track.home)), ...(await files.listSidecars(track.home))];
  const small = wanted
    .filter(({ name, bytes }) => sizes.get(name) !== bytes)
    .map(({ name }) => `${name} differs from the source`);
  const originals: string[] = [];
  for (const { name, bytes } of originalsOf(track)) {
    const expected = bytes ?? (await source.files.sizeOfOriginal(name));
    if ((await target.files.sizeOfOriginal(name)) !== expected) {
      originals.push(`uploads/${name} differs from the source`);
    }
  }
  return [...small, ...originals];
}
