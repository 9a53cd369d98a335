/** Reads the tags and chapters of tracks whose record is older than these. New tracks have theirs from the upload. */
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Library } from '../library/library.ts';
import { chaptersOf } from '../source/chapters.ts';
import { containerName } from '../source/ffprobe.ts';
import { recognise } from '../source/recognise.ts';
import { tagsOf } from '../source/tags.ts';
import { assertFewComments } from '../source/vorbis-comments.ts';
import type { Storage } from '../storage/storage.ts';
import type { Chapter, Tags } from '../tracks/facts.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';

interface Context {
  library: Library;
  storage: Storage;
  tools: Tools;
  signal: AbortSignal;
}

/**
 * Stores what the original of a track says of itself. Does nothing where that was read before, or no original is kept.
 *
 * @throws {AppError} 415 when the original cannot be read; the signal's reason.
 */
export async function readTags(track: Track, { library, storage, tools, signal }: Context): Promise<void> {
  const { filename, upload, areTagsRead } = track;
  if (areTagsRead || upload === null) return;
  const seconds = durationSeconds(track);
  const { headers, stream } = await storage.usingUpload(
    upload,
    async (input) => {
      await assertFewComments(input);
      return recognise({ executables: tools, input, signal, maxDurationSeconds: Math.ceil(seconds) });
    },
    { signal },
  );
  const tags = tagsOf(
    headers.format.tags ?? {},
    stream.tags ?? {},
    containerName(headers.format.format_name),
  );
  const chapters = chaptersOf(headers.chapters, seconds);
  await library.update(filename, (current) =>
    // The name may have gone to another upload meanwhile.
    current.areTagsRead || current.home !== track.home ? current : withTags(current, { tags, chapters }),
  );
}

/** Returns a track with what was read of it. What clients have edited stays. Pure. */
export function withTags(track: Track, { tags, chapters }: { tags: Tags; chapters: Chapter[] }): Track {
  const edited = new Set(track.edited);
  const fresh = Object.fromEntries(Object.entries(tags).filter(([name]) => !edited.has(name)));
  return {
    ...track,
    areTagsRead: true,
    tags: { ...track.tags, ...fresh },
    chapters: edited.has('chapters') ? track.chapters : chapters,
  };
}
