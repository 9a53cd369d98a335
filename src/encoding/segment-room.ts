/** Tells how much room segments take on the disk. */
import { timelineOf } from '../presentation/timeline.ts';
import type { Room } from '../storage/storage.ts';
import type { Rendition } from '../tracks/track.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';
import type { Job } from './job.ts';

/** Boxes, and the most that music takes over its bit rate. */
const OVERHEAD = 1.1;

type Measured = Pick<Track, 'samples' | 'sampleRate' | 'segmentFrames'> & {
  renditions: readonly Pick<Rendition, 'bitRate'>[];
};

/** Returns the room of all segments of a track. */
export function segmentRoom(track: Measured): Room {
  const bitRate = track.renditions.reduce((sum, rendition) => sum + rendition.bitRate, 0);
  return {
    bytes: Math.ceil((OVERHEAD * bitRate * durationSeconds(track)) / 8),
    // Each rendition has an init segment.
    files: track.renditions.length * (timelineOf(track).segmentCount + 1),
  };
}

/** Returns the room of those segments of jobs that are not stored yet. */
export function outstandingRoom(jobs: Iterable<Job>): Room {
  const sum: Room = { bytes: 0, files: 0 };
  for (const { track, renditions } of jobs) {
    const all = segmentRoom(track);
    for (const { coverage } of renditions) {
      all.bytes -= coverage.bytes;
      all.files -= coverage.stored.size + Number(coverage.hasInit);
    }
    sum.bytes += Math.max(0, all.bytes);
    sum.files += Math.max(0, all.files);
  }
  return sum;
}
