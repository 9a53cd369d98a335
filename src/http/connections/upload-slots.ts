/**
 * Limits the uploads that are received at the same time. A stalled upload loses its place. So a crowd of clients that send
 * a byte a second cannot keep others out, and neither can one client with many fast uploads.
 */
import { type AppError, errors } from '../../errors.ts';
import type { Budget, Lease } from '../../governor/budget.ts';
import type { ClientTimeouts } from './timeouts.ts';

/** Part that an upload waits for: parts of its form, content of its file, or null if it waits for the server itself. */
export type AwaitedOfClient = 'form' | 'file' | null;

export interface UploadSlot {
  /** Aborts with `upload_too_slow` or `too_many_uploads` when the upload loses its place. */
  signal: AbortSignal;
  /** Reports the part that the upload waits for from here on. */
  waitsFor(what: AwaitedOfClient): void;
  /** Reports bytes of the file that have reached the storage. Only these count as progress. */
  stored(bytes: number): void;
  /** Gives the place back. A second call does nothing. */
  release(): void;
}

export interface UploadSlots {
  /**
   * Takes a place, before the body is read. If none is free, takes it from a stalled upload, or from the holder with the
   * most places if that has at least two more than this one.
   *
   * @throws {AppError} 503 `too_many_uploads` when there is no place to take.
   */
  take(holder: string): UploadSlot;
  /**
   * Ends the slowest upload of the holder with the most places, if that has at least two more than this one.
   *
   * @returns whether an upload was ended.
   */
  displaceFor(holder: string): boolean;
}

interface Taken {
  holder: string;
  lease: Lease;
  end: AbortController;
  waitsFor: AwaitedOfClient;
  /** Seconds that the upload has waited for parts of the form. */
  formSeconds: number;
  /** Bytes of the file that are stored. */
  bytes: number;
  /** `bytes` of each second since the upload first waited for content, the newest last. */
  samples: number[];
}

const SECOND_MS = 1000;

/** Creates the places. A timer checks all uploads every second while there are any. */
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

  const checkForm = (slot: Taken) => {
    slot.formSeconds++;
    if (slot.formSeconds >= uploadFormSeconds) end(slot, errors.uploadTooSlow());
  };
  const checkFile = (slot: Taken) => {
    // A slow disk is not the fault of the client.
    if (slot.waitsFor === null) slot.samples = [];
    slot.samples.push(slot.bytes);
    if (secondsOf(slot) < uploadIdleSeconds) return;
    if (speedOf(slot, uploadIdleSeconds) < uploadBytesPerSecond) end(slot, errors.uploadTooSlow());
    else slot.samples.shift();
  };
  const check = () => {
    for (const slot of taken) {
      if (slot.waitsFor === 'form') checkForm(slot);
      else checkFile(slot);
    }
  };

  const isIdle = (slot: Taken): boolean => {
    if (slot.waitsFor === 'form') return slot.formSeconds >= uploadGraceSeconds;
    if (slot.waitsFor === null || secondsOf(slot) < uploadGraceSeconds) return false;
    return speedOf(slot, uploadRecentSeconds) < uploadBytesPerSecond;
  };

  /** Returns the slowest upload; among equals, the newest, which loses least. */
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
        holder,
        lease,
        end: new AbortController(),
        waitsFor: null,
        formSeconds: 0,
        bytes: 0,
        samples: [],
      };
      taken.add(slot);
      clock ??= setInterval(check, SECOND_MS).unref();
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

/** Returns the bytes of the file per second over the last seconds, or over fewer if there are no more; 0 between parts. */
function speedOf(slot: Taken, lastSeconds: number): number {
  const seconds = Math.min(lastSeconds, secondsOf(slot));
  if (seconds === 0 || slot.waitsFor === 'form') return 0;
  const before = slot.samples[slot.samples.length - 1 - seconds] ?? 0;
  return (slot.bytes - before) / seconds;
}
