/** Records of tracks as rows of the table `tracks`. */
import { albumPartOf } from '../tracks/replay-gain.ts';
import { durationSeconds, parseTrack, type Track, trackAt } from '../tracks/track.ts';
import { keysOf, type Searched, searchTextOf } from './search-text.ts';
import { trigramText } from './trigram-text.ts';

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
    return parsed.filename === filename ? trackAt(home, parsed) : undefined;
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
    ...searchColumnsOf(record),
    record: JSON.stringify(record),
  };
}

/** Returns the columns of what is known by an analysis, in the order of {@link ANALYSIS_COLUMNS}. */
export function analysisColumnsOf(track: Track): (string | number | null)[] {
  const { album = null, lufs = null, peakDbtp = null, seconds = null } = albumPartOf(track) ?? {};
  return [track.analysis?.status ?? null, album, lufs, peakDbtp, seconds];
}
export const ANALYSIS_COLUMNS = ['analysis', 'gain_album', 'gain_lufs', 'gain_peak', 'gain_seconds'] as const;

/** Returns the assignments of an `update`. @param first number of the first of their values. */
export function analysisAssignments(first: number): string {
  return ANALYSIS_COLUMNS.map((column, at) => `${column} = $${first + at}`).join(', ');
}

/** What a track is found and sorted by. */
export interface SearchColumns {
  search: string;
  title_key: string;
  artist_key: string;
  album_key: string;
  seconds: number;
}

/** Returns the columns by which a track is found and sorted. */
export function searchColumnsOf(track: Searched): SearchColumns {
  const text = searchTextOf(track);
  const { title, artist, album } = keysOf(text);
  return {
    search: trigramText(text),
    title_key: title,
    artist_key: artist,
    album_key: album,
    seconds: durationSeconds(track),
  };
}
