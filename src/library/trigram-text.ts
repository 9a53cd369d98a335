/**
 * Writes folded text so that PostgreSQL's trigram index serves every language. Pure.
 *
 * The index knows as letters what the locale of the database has: with the locale C, none beyond ASCII. So these are written as
 * four capitals, which folded text does not have, between marks. One such letter makes trigrams of its own, so that a search for
 * a single Chinese character is served by the index as well.
 */
const MARK = '\u0002';
const CAPITAL_A = 65;
const BEYOND_ASCII = /[^\0-\x7f]/g;

/** Returns folded text in ASCII. What contains a text before, contains it after, and nothing else does. */
export function trigramText(folded: string): string {
  return folded.replace(BEYOND_ASCII, (unit) => {
    const code = unit.charCodeAt(0);
    const capitals = [12, 8, 4, 0].map((shift) => CAPITAL_A + ((code >> shift) & 15));
    return MARK + String.fromCharCode(...capitals) + MARK;
  });
}

/** Returns the pattern of LIKE for trigram texts that contain a folded word. */
export function patternOf(word: string): string {
  return `%${trigramText(word).replace(/[\\%_]/g, '\\$&')}%`;
}
