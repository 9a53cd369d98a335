/** Decodes a source to a copy that can be sought in, within the free room of the disk. */
import { stat } from 'node:fs/promises';
import { setInterval } from 'node:timers/promises';
import { errors } from '../errors.ts';
import type { DiskReservation } from '../governor/disk-budget.ts';
import type { Governor } from '../governor/governor.ts';
import type { Decoding } from '../source/decoding.ts';
import type { CopyOptions } from '../source/probe.ts';
import { COPY_SAMPLE_BYTES, decodeToFlac } from '../source/seekable-copy.ts';
import type { Storage } from '../storage/storage.ts';

/** The original of a track. */
export interface Original {
  /** Its id in storage. */
  upload: string;
  bytes: number;
}

/**
 * Decodes an original to a copy beside it, and resolves with the samples of the copy.
 *
 * @throws {AppError} 507 when there is too little room, 415 when the copy would be out of all proportion to the original.
 * @throws {FfmpegError} when not one sample decodes.
 */
export type CopySource = (original: Original, decoding: Decoding, options: CopyOptions) => Promise<number>;

/**
 * The most bytes of a copy for each byte of its original. Opus of 6 kbit/s, mono at 48 kHz, needs some 120. An index that
 * names the same bytes again and again needs any number.
 */
const MAX_RATIO = 300;
/** Bytes that every copy may have: a tiny file can be long silence. */
const SMALL_COPY_BYTES = 64 * 1024 ** 2;
/** A declared length may be off by so much before the copy needs a second try with more room. */
const DECLARED_MARGIN = 1.25;
const DECLARED_MARGIN_SECONDS = 60;
/** Interval of the looks at the copy and the disk while ffmpeg writes. */
const LOOK_EVERY_MS = 500;

/** The copy has filled the room that was reserved for it. */
class CopyCutError extends Error {
  override readonly name = 'CopyCutError';
}

export function createCopySource({
  storage,
  governor,
}: {
  storage: Storage;
  governor: Governor;
}): CopySource {
  const { disk } = governor;

  /** Tells the budget the bytes that are written, until the signal. Throws 507 when others have taken the room. */
  const watch = async (file: string, reservation: DiskReservation, signal: AbortSignal) => {
    let written = 0;
    for await (const _ of setInterval(LOOK_EVERY_MS, undefined, { signal, ref: false })) {
      const { size } = await stat(file).catch(() => ({ size: written }));
      reservation.wrote(size - written);
      written = size;
      await disk.assertFree();
    }
  };

  const copyWithin = async (
    { upload }: Original,
    request: Decoding & { hasTimeline: boolean; maxBytes: number },
  ) => {
    const reservation = await disk.reserve({ bytes: request.maxBytes });
    const over = new AbortController();
    const stop = new AbortController();
    try {
      return await storage.makeSeekableCopy(upload, async (file) => {
        const watching = watch(file, reservation, over.signal).catch((error: unknown) => {
          if (!over.signal.aborted) stop.abort(error);
        });
        const signal = AbortSignal.any([request.signal, stop.signal]);
        const copied = await decodeToFlac({ ...request, signal }, file).finally(() => over.abort());
        await watching;
        if (copied.isCut) throw new CopyCutError();
        return copied.samples;
      });
    } finally {
      reservation.release();
    }
  };

  return async (original, decoding, options) => {
    for (const wantedBytes of copyBounds(original.bytes, decoding, options.declaredSeconds)) {
      const availableBytes = Math.max(1, await disk.availableBytes());
      const maxBytes = Math.min(wantedBytes, availableBytes);
      try {
        return await copyWithin(original, { ...decoding, hasTimeline: options.hasTimeline, maxBytes });
      } catch (error) {
        if (!(error instanceof CopyCutError)) throw error;
        if (maxBytes < wantedBytes) throw errors.storageFull(error);
      }
    }
    throw errors.unsupportedMedia(
      `Decoded, this file takes more than ${MAX_RATIO} times its size: its index names the same audio again and again.`,
    );
  };
}

/**
 * Returns the bytes to reserve for a copy, one number for each try: first by the declared length of its source, so that other
 * work keeps its room; then by the size of the source.
 */
export function copyBounds(
  sourceBytes: number,
  {
    sampleRate,
    channels,
    maxDurationSeconds,
  }: Pick<Decoding, 'sampleRate' | 'channels' | 'maxDurationSeconds'>,
  declaredSeconds: number | null,
): number[] {
  const bytesPerSecond = sampleRate * channels * COPY_SAMPLE_BYTES;
  const most = Math.min(
    Math.max(SMALL_COPY_BYTES, MAX_RATIO * sourceBytes),
    Math.ceil((maxDurationSeconds + DECLARED_MARGIN_SECONDS) * DECLARED_MARGIN * bytesPerSecond),
  );
  if (declaredSeconds === null) return [most];
  const likely = Math.ceil((declaredSeconds * DECLARED_MARGIN + DECLARED_MARGIN_SECONDS) * bytesPerSecond);
  return likely < most ? [likely, most] : [most];
}
