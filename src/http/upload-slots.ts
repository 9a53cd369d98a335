/**
 * Places for uploads that are being received. There are only so many, and who does not use one loses it: a crowd of
 * clients that send a byte a second cannot keep others out.
 */
import { type AppError, errors } from '../errors.ts';
import type { Patience } from './patience.ts';

/** What is looked at of a request (`IncomingMessage`). */
export interface UploadSource {
  /** All of it has arrived. */
  complete: boolean;
  /** Bytes that have arrived and that the server has not got round to. */
  readableLength: number;
  socket: { bytesRead: number };
}

export interface UploadSlot {
  /** Aborted with `upload_too_slow` when the place was taken away. */
  signal: AbortSignal;
  /** Gives the place back; more than once is no harm. */
  release(): void;
}

export interface UploadSlots {
  /**
   * To be called before the body is read.
   *
   * @throws {AppError} 503 `too_many_uploads` when all places are taken by uploads that move.
   */
  take(source: UploadSource): UploadSlot;
}

interface Taken {
  source: UploadSource;
  end: AbortController;
  /** `bytesRead` of the socket, second by second, the newest last; from when the client was first waited for. */
  samples: number[];
}

const SECOND_MS = 1000;

/** @param limit how many uploads are received at the same time. */
export function createUploadSlots(limit: number, patience: Patience): UploadSlots {
  const { uploadBytesPerSecond, uploadIdleSeconds, uploadRecentSeconds, uploadGraceSeconds } = patience;
  const taken = new Set<Taken>();
  let clock: NodeJS.Timeout | undefined;

  const leave = (slot: Taken) => {
    taken.delete(slot);
    if (taken.size > 0) return;
    clearInterval(clock);
    clock = undefined;
  };
  const end = (slot: Taken, error: AppError) => {
    leave(slot);
    slot.end.abort(error);
  };

  const look = () => {
    for (const slot of taken) {
      // The client is not to blame for a disk that is slow.
      if (!isWaitedFor(slot.source)) slot.samples = [];
      slot.samples.push(slot.source.socket.bytesRead);
      if (secondsOf(slot) < uploadIdleSeconds) continue;
      if (speed(slot, uploadIdleSeconds) < uploadBytesPerSecond) end(slot, errors.uploadTooSlow());
      else slot.samples.shift();
    }
  };

  /** The one that moves least, if it hardly moves at all. */
  const slowest = (): Taken | undefined => {
    let found: Taken | undefined;
    let least = uploadBytesPerSecond;
    for (const slot of taken) {
      if (!isWaitedFor(slot.source) || secondsOf(slot) < uploadGraceSeconds) continue;
      const its = speed(slot, uploadRecentSeconds);
      if (its >= least) continue;
      least = its;
      found = slot;
    }
    return found;
  };

  return {
    take(source) {
      if (taken.size >= limit) {
        const idle = slowest();
        if (!idle) throw errors.tooManyUploads(limit);
        end(idle, errors.uploadTooSlow());
      }
      const slot = { source, end: new AbortController(), samples: [source.socket.bytesRead] };
      taken.add(slot);
      clock ??= setInterval(look, SECOND_MS).unref();
      return { signal: slot.end.signal, release: () => leave(slot) };
    },
  };
}

/** Nothing goes on until the client sends more. */
function isWaitedFor({ complete, readableLength }: UploadSource): boolean {
  return !complete && readableLength === 0;
}

function secondsOf({ samples }: Taken): number {
  return samples.length - 1;
}

/** Bytes per second over the last seconds, or over fewer where there were no more. */
function speed(slot: Taken, lastSeconds: number): number {
  const seconds = Math.min(lastSeconds, secondsOf(slot));
  const before = slot.samples[slot.samples.length - 1 - seconds] ?? 0;
  return (slot.source.socket.bytesRead - before) / seconds;
}
