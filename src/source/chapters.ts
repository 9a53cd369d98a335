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

/** A shorter chapter is a rounded one of no length. */
const SHORTEST_SECONDS = 0.001;

/**
 * Returns chapters in the order of their start, within the track and not over each other. One without a title is called by its
 * number, as players show it.
 *
 * @param seconds length of the track.
 */
export function chaptersOf(printed: readonly PrintedChapter[], seconds: number): Chapter[] {
  const sorted = printed
    .map(({ start_time, end_time, tags }) => ({
      start: Math.max(0, Number(start_time)),
      end: Number(end_time),
      title: tags?.title,
    }))
    .filter(({ start, end }) => Number.isFinite(start) && Number.isFinite(end) && start < seconds)
    .sort((one, other) => one.start - other.start)
    // Of several that begin at once the last one counts: the others have no length.
    .filter(({ start }, at, all) => (all[at + 1]?.start ?? seconds) - start >= SHORTEST_SECONDS)
    .slice(0, MAX_CHAPTERS);
  return sorted.map(({ start, end, title }, at) => {
    const next = sorted[at + 1]?.start ?? seconds;
    // ffmpeg does not know all ends, and some programs write none.
    const isUnknown = end <= start;
    return {
      startSeconds: start,
      endSeconds: isUnknown ? next : Math.min(end, next),
      title: tagText(title ?? '') ?? `Chapter ${at + 1}`,
    };
  });
}
