/** Records of tracks as rows of the table `tracks`. */

import { parseTrack, type Track } from '../tracks/track.ts';

/** The columns that a record is read from. */
export interface Row {
  filename: string;
  home: string;
  record: unknown;
  version: string;
}

export const SELECT_ROW = 'select filename, home, record, version from tracks';

/** Returns the track of a row, or undefined where its record cannot be read. */
export function trackOfRow({ filename, home, record }: Row): Track | undefined {
  try {
    const parsed = parseTrack(record);
    return parsed.filename === filename ? Object.assign(parsed, { home }) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the columns that change with a record. */
export function columnsOf({ home, ...record }: Track) {
  const { filename, status, source, upload } = record;
  return {
    filename,
    status,
    sha256: source.sha256,
    upload,
    search: searchOf(record),
    record: JSON.stringify(record),
  };
}

/** Returns the text in which a track is found by its names. */
export function searchOf({ filename, originalName }: Pick<Track, 'filename' | 'originalName'>): string {
  return [filename, originalName].map(searchable).join(BETWEEN_NAMES);
}

/** Occurs in no query that a person types. */
const BETWEEN_NAMES = '\u0001';

/** Returns a name, or a part of one, in the form in which names are compared. PostgreSQL takes no U+0000 in text. */
export function searchable(name: string): string {
  return name.normalize('NFC').toLowerCase().replaceAll('\0', '\ufffd').toWellFormed();
}
