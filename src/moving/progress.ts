/** Tells people how far a move is: a line every few seconds. */
import type { Track } from '../tracks/track.ts';

export interface Progress {
  /** Prints a line. */
  say(line: string): void;
  /** Counts bytes that were copied or checked. */
  copied(bytes: number): void;
  /** Counts a track that is done. */
  done(track: Pick<Track, 'storedBytes'>): void;
  /** Says that an engine does not answer, at most every ten seconds. */
  trouble(error: Error): void;
  /** Begins to count anew. @param what is done, such as "Copying". */
  begin(what: string, total: Total): void;
  close(): void;
}

/** About what there is to do. */
export interface Total {
  tracks: number;
  bytes: number;
}

const LINE_EVERY_MS = 3000;
const TROUBLE_EVERY_MS = 10_000;
/** The time left is judged by the lines of the last minute. */
const LINES_JUDGED = 20;

/** @param print is given each line, without its end. */
export function createProgress(print: (line: string) => void): Progress {
  let what = '';
  let total: Total = { tracks: 0, bytes: 0 };
  let now: Moment = { at: 0, tracks: 0, bytes: 0, doneBytes: 0 };
  let moments: Moment[] = [];
  let troubledAt = Number.NEGATIVE_INFINITY;

  const tick = () => {
    moments = [...moments.slice(-LINES_JUDGED), { ...now, at: performance.now() }];
    const line = progressLine({ what, total, from: moments[0] as Moment, to: moments.at(-1) as Moment });
    print(line);
  };
  // Keeps the process alive, too: pauses between attempts do not.
  let timer: NodeJS.Timeout | undefined;

  return {
    say: print,
    copied(bytes) {
      now.bytes += bytes;
    },
    done({ storedBytes }) {
      now.tracks++;
      now.doneBytes += storedBytes;
    },
    trouble(error) {
      if (performance.now() - troubledAt < TROUBLE_EVERY_MS) return;
      troubledAt = performance.now();
      print(`An engine does not answer (${reasonOf(error)}). Trying again.`);
    },
    begin(next, ofAll) {
      clearInterval(timer);
      what = next;
      total = ofAll;
      now = { at: performance.now(), tracks: 0, bytes: 0, doneBytes: 0 };
      moments = [{ ...now }];
      timer = setInterval(tick, LINE_EVERY_MS);
    },
    close: () => clearInterval(timer),
  };
}

/** How far a move is at some time. */
export interface Moment {
  /** Milliseconds. */
  at: number;
  tracks: number;
  /** That were copied or checked. */
  bytes: number;
  /** Of tracks that are done, whether copied or there before. */
  doneBytes: number;
}

/** Returns a line such as `Copying: 120 of 1,000 tracks, 1.2 GB, 40 MB/s, 4 min left`. Pure. */
export function progressLine(options: { what: string; total: Total; from: Moment; to: Moment }): string {
  const { what, total, from, to } = options;
  const seconds = Math.max((to.at - from.at) / 1000, 0.001);
  const doneRate = (to.doneBytes - from.doneBytes) / seconds;
  const left = Math.max(0, total.bytes - to.doneBytes) / doneRate;
  // A source that is served gets new tracks meanwhile.
  const tracks = Math.max(total.tracks, to.tracks);
  return [
    `${what}: ${count(to.tracks)} of ${count(tracks)} tracks`,
    size(to.bytes),
    `${size((to.bytes - from.bytes) / seconds)}/s`,
    ...(Number.isFinite(left) ? [`${duration(left)} left`] : []),
  ].join(', ');
}

/** Returns the cause of an error, where it has one: the error itself speaks to clients. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Returns bytes as `12.3 MB`. */
export function size(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${power === 0 ? Math.round(bytes) : (bytes / 1000 ** power).toFixed(1)} ${UNITS[power]}`;
}
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Returns seconds as `50 s`, `4 min` or `3 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
