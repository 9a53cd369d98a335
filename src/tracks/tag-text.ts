/** Makes text of tags safe to keep: plain, of one form, and not too long. Pure. */

/** Most characters of a tag, of the title of a chapter, and of a comment. */
export const MAX_TAG = 1000;
export const MAX_COMMENT = 10_000;
export const MAX_GENRES = 20;
export const MAX_CHAPTERS = 1000;

/** Control characters other than line breaks and tabs, and marks that turn the direction of text that follows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const LINE_BREAKS = /[\t\n\r\u2028\u2029]+/g;

/** Returns text of one line: NFC, without control characters, at most `most` characters; undefined where nothing is left. */
export function tagText(text: string, most = MAX_TAG): string | undefined {
  return cleaned(text.slice(0, 4 * most).replace(LINE_BREAKS, ' '), most);
}

/** Returns text of several lines. As `tagText`. */
export function commentText(text: string): string | undefined {
  return cleaned(text.slice(0, 4 * MAX_COMMENT).replace(/\r\n?/g, '\n'), MAX_COMMENT);
}

function cleaned(text: string, most: number): string | undefined {
  const clean = text.toWellFormed().replace(CONTROLS, '').normalize('NFC').trim();
  return (
    clean
      .slice(0, most)
      .toWellFormed()
      .replace(/\ufffd$/, '')
      .trim() || undefined
  );
}
