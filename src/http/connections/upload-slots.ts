/**
 * Places for uploads that are being received. There are only so many, and what does not move loses its place: a crowd of
 * clients that send a byte a second cannot keep others out, and neither can one client with many that move.
 */
import { type AppError, errors } from '../../errors.ts';
import type { Budget, Lease } from '../../governor/budget.ts';
import type { ClientTimeouts } from './timeouts.ts';

/** What an upload waits for: parts of its form, content of its file, or (null) for the server itself. */
export type AwaitedOfClient = 'form' | 'file' | null;

export interface UploadSlot {
  /** Aborted with `upload_too_slow` or `too_many_uploads` when the place was taken away. */
  signal: AbortSignal;
  /** Tells what is waited for from here on. */
  waitsFor(what: AwaitedOfClient): void;
  /** Tells that so much of the file has reached the storage: that alone counts as moving. */
  stored(bytes: number): void;
  /** Gives the place back. A second call does nothing. */
  release(): void;
}

export interface UploadSlots {
  /**
   * To be called before the body is read. While there are free places none is taken from anybody. Else it is taken from an
   * upload that does not move, or from the holder that has the most places where that is at least two more.
   *
   * @throws {AppError} 503 `too_many_uploads` when there is none to be had.
   */
  take(holder: string): UploadSlot;
  /**
   * Ends the upload that moves least of the holder that has the most, where that has at least two more than this one.
   *
   * @returns whether there was one.
   */
  displaceFor(holder: string): boolean;
}

interface Taken {
  holder: string;
  lease: Lease;
  end: AbortController;
  waitsFor: AwaitedOfClient;
  /** Seconds in which parts of the form were waited for. */
  formSeconds: number;
  /** Bytes of the file that are stored. */
  bytes: number;
  /** The same second by second, the newest last; from when content was first waited for. */
  samples: number[];
}

const SECOND_MS = 1000;

export function createUploadSlots(places: Budget, timeouts: ClientTimeouts): UploadSlots {
  const { uploadBytesPerSecond, uploadIdleSeconds, uploadFormSeconds } = timeouts;
  const { uploadRecentSeconds, uploadGraceSeconds } = timeouts;
  const taken = new Set<Taken>();
  let clock: NodeJS.Timeout | undefined;

  const leave = (slot: Taken) => {
    slot.lease.release();
    taken.delete(slot);
    if (taken.size > 0) return;
    clearInterval(clock);
    clock = undefined;
  };
  const end = (slot: Taken, error: AppError) => {
    leave(slot);
    slot.end.abort(error);
  };

  const lookAtForm = (slot: Taken) => {
    slot.formSeconds++;
    if (slot.formSeconds >= uploadFormSeconds) end(slot, errors.uploadTooSlow());
  };
  const lookAtFile = (slot: Taken) => {
    // The client is not to blame for a disk that is slow.
    if (slot.waitsFor === null) slot.samples = [];
    slot.samples.push(slot.bytes);
    if (secondsOf(slot) < uploadIdleSeconds) return;
    if (speedOf(slot, uploadIdleSeconds) < uploadBytesPerSecond) end(slot, errors.uploadTooSlow());
    else slot.samples.shift();
  };
  const look = () => {
    for (const slot of taken) {
      if (slot.waitsFor === 'form') lookAtForm(slot);
      else lookAtFile(slot);
    }
  };

  const isIdle = (slot: Taken): boolean => {
    if (slot.waitsFor === 'form') return slot.formSeconds >= uploadGraceSeconds;
    if (slot.waitsFor === null || secondsOf(slot) < uploadGraceSeconds) return false;
    return speedOf(slot, uploadRecentSeconds) < uploadBytesPerSecond;
  };

  /** The one that moves least; of equals, the newest: it loses least. */
  const slowest = (isMeant: (slot: Taken) => boolean): Taken | undefined => {
    let found: Taken | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const slot of taken) {
      const speed = isMeant(slot) ? speedOf(slot, uploadRecentSeconds) : Number.POSITIVE_INFINITY;
      if (speed > least || speed === Number.POSITIVE_INFINITY) continue;
      least = speed;
      found = slot;
    }
    return found;
  };

  const displaceFor = (holder: string): boolean => {
    let most = places.heldBy(holder) + 1;
    let greediest: string | undefined;
    for (const { holder: other } of taken) {
      if (places.heldBy(other) <= most) continue;
      most = places.heldBy(other);
      greediest = other;
    }
    const victim = greediest === undefined ? undefined : slowest((slot) => slot.holder === greediest);
    if (victim) end(victim, errors.uploadDisplaced());
    return victim !== undefined;
  };

  const makePlace = (holder: string): void => {
    const idle = slowest(isIdle);
    if (idle) end(idle, errors.uploadTooSlow());
    else if (!displaceFor(holder)) throw errors.tooManyUploads(places.limit);
  };

  return {
    displaceFor,
    take(holder) {
      if (places.inUse >= places.limit) makePlace(holder);
      const lease = places.tryTake(holder);
      if (!lease) throw errors.tooManyUploads(places.limit);
      const slot: Taken = {
        ...{ holder, lease, end: new AbortController(), waitsFor: null },
        ...{ formSeconds: 0, bytes: 0, samples: [] },
      };
      taken.add(slot);
      clock ??= setInterval(look, SECOND_MS).unref();
      return {
        signal: slot.end.signal,
        waitsFor(what) {
          slot.waitsFor = what;
        },
        stored(bytes) {
          slot.bytes += bytes;
        },
        release: () => leave(slot),
      };
    },
  };
}

function secondsOf({ samples }: Taken): number {
  return Math.max(0, samples.length - 1);
}

/** Bytes of the file per second over the last seconds, or over fewer where there were no more; 0 between its parts. */
function speedOf(slot: Taken, lastSeconds: number): number {
  const seconds = Math.min(lastSeconds, secondsOf(slot));
  if (seconds === 0 || slot.waitsFor === 'form') return 0;
  const before = slot.samples[slot.samples.length - 1 - seconds] ?? 0;
  return (slot.bytes - before) / seconds;
}
