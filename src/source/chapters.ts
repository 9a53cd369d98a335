/** Makes chapters of what ffprobe prints. Pure. */
import * as z from 'zod';
import type { Chapter } from '../tracks/facts.ts';
import { MAX_CHAPTERS, tagText } from '../tracks/tag-text.ts';

export const PrintedChapter = z.object({
  /** Seconds. */
  start_time: z.string().optional(),
  end_time: z.string().optional(),
  tags: z.object({ title: z.string().optional() }).optional(),
});
export type PrintedChapter = z.infer<typeof PrintedChapter>;

/** A shorter chapter is an error of rounding: most formats count milliseconds. */
const SHORTEST_SECONDS = 0.0005;

/**
 * Returns chapters in the order of their start, within the track and not over each other. One without an end lasts until the next
 * one. Of several that begin at once the longest counts. One without a title is called by its number, as players show it.
 *
 * @param seconds length of the track.
 */
export function chaptersOf(printed: readonly PrintedChapter[], seconds: number): Chapter[] {
  const sorted = printed
    .map((chapter) => placedIn(chapter, seconds))
    .filter((chapter) => chapter !== undefined)
    .sort((one, other) => one.start - other.start || other.length - one.length);
  const distinct: Placed[] = [];
  for (const chapter of sorted) {
    const before = distinct.at(-1);
    if (!before || chapter.start - before.start >= SHORTEST_SECONDS) distinct.push(chapter);
  }
  return distinct.slice(0, MAX_CHAPTERS).map(({ start, length, title }, at) => {
    const next = distinct[at + 1]?.start ?? seconds;
    return {
      startSeconds: start,
      endSeconds: length > 0 ? Math.min(start + length, next) : next,
      title: title ?? `Chapter ${at + 1}`,
    };
  });
}

interface Placed {
  start: number;
  /** 0 if the end is unknown: ffmpeg does not know all ends, and some programs write none. */
  length: number;
  title: string | undefined;
}

/** Returns the place of a chapter in the track; undefined if it is outside. */
function placedIn({ start_time, end_time, tags }: PrintedChapter, seconds: number): Placed | undefined {
  const [start, end] = [Number(start_time), Number(end_time)];
  if (!Number.isFinite(start) || seconds - start < SHORTEST_SECONDS) return undefined;
  if (start < 0 && !(end > 0)) return undefined;
  const length = Math.min(end, seconds) - Math.max(0, start);
  return {
    start: Math.max(0, start),
    length: length >= SHORTEST_SECONDS ? length : 0,
    title: tagText(tags?.title ?? ''),
  };
}
