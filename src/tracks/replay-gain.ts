/** Tells how much louder or softer a track has to be played: ReplayGain 2.0, by loudness of EBU R 128. */
import { createHash } from 'node:crypto';
import { durationSeconds, type Track } from './track.ts';

/** Loudness of the tracks of an album that are analysed. */
export interface AlbumLoudness {
  integratedLufs: number;
  /** The highest of all tracks; null where none is known. */
  truePeakDbtp: number | null;
}

export interface ReplayGain {
  trackGainDb: number;
  /** Highest true peak; 1 is full scale. */
  trackPeak: number | null;
  /** Null for a track without an album. */
  albumGainDb: number | null;
  albumPeak: number | null;
}

/** What a track adds to the loudness of its album. */
export interface AlbumPart {
  /** Key of the album. */
  album: string;
  lufs: number;
  peakDbtp: number | null;
  seconds: number;
}

const REFERENCE_LUFS = -18;

/** Returns what a track adds to its album; undefined for one without an album, or whose loudness is not known. */
export function albumPartOf(track: Track): AlbumPart | undefined {
  const { integratedLufs: lufs, truePeakDbtp: peakDbtp } = track.analysis?.loudness ?? NO_LOUDNESS;
  const { album, albumArtist, artist } = track.tags;
  if (lufs === null || album === undefined) return undefined;
  const names = [albumArtist ?? artist ?? '', album].map((name) => name.normalize('NFC'));
  const key = createHash('sha256').update(JSON.stringify(names)).digest('base64url').slice(0, 22);
  return { album: key, lufs, peakDbtp, seconds: durationSeconds(track) };
}
const NO_LOUDNESS = { integratedLufs: null, truePeakDbtp: null };

/**
 * Returns the loudness of an album: the mean of the energy of its tracks, each weighted by its length. BS.1770 would leave quiet
 * passages out of the whole album, and here each track has left out its own: an album with a very quiet track is measured a little
 * lower than as one file.
 */
export function albumLoudness(parts: Iterable<AlbumPart>): AlbumLoudness | undefined {
  let energy = 0;
  let seconds = 0;
  let truePeakDbtp: number | null = null;
  for (const part of parts) {
    energy += part.seconds * 10 ** (part.lufs / 10);
    seconds += part.seconds;
    if (part.peakDbtp !== null) truePeakDbtp = Math.max(truePeakDbtp ?? part.peakDbtp, part.peakDbtp);
  }
  return seconds === 0 ? undefined : { integratedLufs: 10 * Math.log10(energy / seconds), truePeakDbtp };
}

/** Returns null for silence, and for a track that is not analysed. */
export function replayGainOf(track: Track, album: AlbumLoudness | undefined): ReplayGain | null {
  const { integratedLufs, truePeakDbtp } = track.analysis?.loudness ?? NO_LOUDNESS;
  if (integratedLufs === null) return null;
  return {
    trackGainDb: rounded(REFERENCE_LUFS - integratedLufs, 2),
    trackPeak: peakOf(truePeakDbtp),
    albumGainDb: album ? rounded(REFERENCE_LUFS - album.integratedLufs, 2) : null,
    albumPeak: album ? peakOf(album.truePeakDbtp) : null,
  };
}

function peakOf(dbtp: number | null): number | null {
  return dbtp === null ? null : rounded(10 ** (dbtp / 20), 6);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
