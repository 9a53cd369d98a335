/** Renders the chapters of a track for players. Pure: all text is escaped by the rules of each format. */
import type { Chapter } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';

/** Renders JSON chapters of Podcasting 2.0, version 1.2 (podcast namespace, "chapters"). */
export function renderJsonChapters({ chapters, tags, originalName }: Track): string {
  return JSON.stringify({
    version: '1.2.0',
    title: tags.title ?? originalName,
    ...(tags.artist !== undefined && { author: tags.artist }),
    chapters: chapters.map(({ startSeconds, endSeconds, title }) => ({
      startTime: startSeconds,
      endTime: endSeconds,
      title,
    })),
  });
}

/** Renders a chapter track of WebVTT (W3C WebVTT section 4.4 "chapter cues"). */
export function renderVttChapters({ chapters }: Track): string {
  const cues = chapters.map(
    ({ startSeconds, endSeconds, title }, at) =>
      `${at + 1}\n${vttTime(startSeconds)} --> ${vttTime(endSeconds)}\n${vttText(title)}\n`,
  );
  return ['WEBVTT\n', ...cues].join('\n');
}

/**
 * Renders chapters as Apple's players read them: the session data `com.apple.hls.chapters` of a master playlist names it (HLS
 * Authoring Specification, "JSON chapters").
 */
export function renderAppleChapters({ chapters, tags }: Track): string {
  const language = tags.language ?? 'und';
  return JSON.stringify(
    chapters.map((chapter, at) => ({
      chapter: at + 1,
      'start-time': chapter.startSeconds,
      duration: lengthOf(chapter),
      titles: [{ language, title: chapter.title }],
    })),
  );
}

function lengthOf({ startSeconds, endSeconds }: Chapter): number {
  return Math.round((endSeconds - startSeconds) * 1000) / 1000;
}

/** Returns a time stamp of WebVTT: `00:01:02.345`. */
function vttTime(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const [hours, minutes, rest] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60];
  return `${two(hours)}:${two(minutes)}:${two(rest)}.${String(ms % 1000).padStart(3, '0')}`;
}

/** Escapes text of a cue (WebVTT section 6.4 "cue text"). It holds no line breaks. */
function vttText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
