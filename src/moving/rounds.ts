/** Copies a library in rounds, until a round finds nothing to copy: the source may be served, and change meanwhile. */
import { createHash } from 'node:crypto';
import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import { createSlots } from '../concurrency/slots.ts';
import { hasCode } from '../errors.ts';
import type { InPlace } from '../library/importing.ts';
import type { Track } from '../tracks/track.ts';
import { type CopyTrackOptions, copyTrack, type Outcome } from './copy-track.ts';
import { isUnanswered, patiently } from './patience.ts';
import type { Progress } from './progress.ts';
import type { Source, Target } from './sides.ts';
import { nextStep } from './step.ts';

export interface RoundsOptions {
  source: Source;
  target: Target;
  progress: Progress;
  signal: AbortSignal;
}

export interface Copied {
  /** Tracks of which something was copied. */
  copied: number;
  /** Tracks that were wholly there before. */
  there: number;
  bytes: number;
  /** Why tracks cannot be copied, by their names. */
  refused: Map<string, string>;
  /** Tracks that a server is encoding at the source. */
  waiting: Set<string>;
  /** Tracks that changed during the last round, too. */
  later: Set<string>;
  /** Names of the tracks that are at the target by now. */
  names: Iterable<string>;
}

const TRACKS_AT_ONCE = 16;
/** Segments are some 65 kB each, seldom a megabyte. */
const SEGMENTS_AT_ONCE = 48;
const ORIGINALS_AT_ONCE = 3;
/** A source that changes all the time is left to a later run. */
const MOST_ROUNDS = 20;

/** Throws where a side does not answer for long or the target is full, and the signal's reason. */
export async function copyInRounds(options: RoundsOptions): Promise<Copied> {
  const { source, target, progress, signal } = options;
  const result = {
    bytes: 0,
    refused: new Map<string, string>(),
    waiting: new Set<string>(),
    later: new Set<string>(),
  };
  const copying: CopyTrackOptions = {
    ...{ source, target, signal },
    segmentSlots: createSlots(SEGMENTS_AT_ONCE),
    originalSlots: createSlots(ORIGINALS_AT_ONCE),
    onBytes(bytes) {
      result.bytes += bytes;
      progress.copied(bytes);
    },
  };
  /** Digests of the records of tracks that need nothing more, by their names. */
  const done = new Map<string, string>();
  /** Tracks of which this run has copied something. */
  const copied = new Set<string>();

  for (let round = 1; round <= MOST_ROUNDS; round++) {
    for (const each of [result.refused, result.waiting, result.later]) each.clear();
    let changes = 0;
    const note = (track: Track, outcome: Outcome) => {
      const { filename } = track;
      if (outcome.kind === 'refused') result.refused.set(filename, outcome.reason);
      else if (outcome.kind === 'waiting' || outcome.kind === 'later') result[outcome.kind].add(filename);
      else if (outcome.kind === 'gone') changes++;
      else done.set(filename, digestOf(track));
      if (outcome.kind === 'copied') copied.add(filename);
      if (outcome.kind === 'copied' || outcome.kind === 'later') changes++;
      if (round === 1) progress.done(track);
    };
    const isDone = (track: Track) => done.get(track.filename) === digestOf(track);
    await fewAtATime(
      placesOf(options, result.refused, isDone),
      TRACKS_AT_ONCE,
      async ({ track, inPlace }) => {
        signal.throwIfAborted();
        const copy = () => copyTrack(track, nextStep(track, inPlace), copying);
        const onRetry = progress.trouble;
        note(track, await patiently(copy, { signal, onRetry }).catch((error) => refusal(error, signal)));
      },
    );
    if (changes === 0) break;
    progress.say(`Round ${round}: ${changes} tracks copied.`);
  }
  return { ...result, copied: copied.size, there: done.size - copied.size, names: done.keys() };
}

/** Yields the tracks that are not done, each with what stands in its place. Notes the records that cannot be read. */
export async function* placesOf(
  { source, target, progress, signal }: RoundsOptions,
  refused: Map<string, string>,
  isDone: (track: Track) => boolean = () => false,
): AsyncGenerator<{ track: Track; inPlace: InPlace }> {
  for await (const { tracks, damaged } of source.groups()) {
    for (const filename of damaged) {
      refused.set(filename, 'its record cannot be read at the source. Restore or remove it');
    }
    const left = tracks.filter((track) => !isDone(track));
    if (left.length === 0) continue;
    const find = () => target.importing.find(left);
    const places = await patiently(find, { signal, onRetry: progress.trouble });
    for (const [at, track] of left.entries()) yield { track, inPlace: places[at] as InPlace };
  }
}

/** Returns what an error means for one track. @throws the error where no other track can be copied either. */
function refusal(error: unknown, signal: AbortSignal): Outcome {
  signal.throwIfAborted();
  if (isUnanswered(error) || hasCode(error, ...OF_THE_WHOLE_TARGET)) throw error;
  return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
}
const OF_THE_WHOLE_TARGET = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE'];

function digestOf({ home: _, ...record }: Track): string {
  return createHash('sha1').update(JSON.stringify(record)).digest('base64');
}
