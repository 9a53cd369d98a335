/** Renders the chapters of a track for players. Pure: all text is escaped by the rules of each format. */
import type { Chapter } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';

/** ISO 639 code, or a tag of BCP 47. Clients can set any text as the language of a track. */
const LANGUAGE_TAG = /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i;

/** Renders JSON chapters of Podcasting 2.0, version 1.2 (podcast namespace, "chapters"). */
export function renderJsonChapters({ chapters, tags, originalName }: Track): string {
  return JSON.stringify({
    version: '1.2.0',
    title: tags.title ?? originalName,
    ...(tags.artist !== undefined && { author: tags.artist }),
    chapters: chapters.map((chapter, at) => ({
      startTime: chapter.startSeconds,
      endTime: chapter.endSeconds,
      title: titleOf(chapter, at),
    })),
  });
}

/** Renders a chapter track of WebVTT (W3C WebVTT section 4.4 "chapter cues"). */
export function renderVttChapters({ chapters }: Track): string {
  const cues = chapters.map((chapter, at) => {
    const times = `${vttTime(chapter.startSeconds)} --> ${vttTime(chapter.endSeconds)}`;
    return `${at + 1}\n${times}\n${vttText(titleOf(chapter, at))}\n`;
  });
  return ['WEBVTT\n', ...cues].join('\n');
}

/**
 * Renders chapters as Apple's players read them: the session data `com.apple.hls.chapters` of a master playlist names it (HLS
 * Authoring Specification, "JSON chapters").
 */
export function renderAppleChapters({ chapters, tags }: Track): string {
  const language = LANGUAGE_TAG.test(tags.language ?? '') ? tags.language : 'und';
  return JSON.stringify(
    chapters.map((chapter, at) => ({
      chapter: at + 1,
      'start-time': chapter.startSeconds,
      duration: lengthOf(chapter),
      titles: [{ language, title: titleOf(chapter, at) }],
    })),
  );
}

/** Returns a title of one line, which clients can set to any text: the number of the chapter if it is empty. */
function titleOf({ title }: Chapter, at: number): string {
  return title.replace(/[\s\0]+/g, ' ').trim() || `Chapter ${at + 1}`;
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

/** Escapes text of a cue (WebVTT section 6.4 "cue text"), which has one line: an empty one would end the cue. */
function vttText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
