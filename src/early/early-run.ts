/** Encodes an upload while it arrives: one run of ffmpeg that reads the bytes behind their writer. */
import { Readable } from 'node:stream';
import { sleep } from '../concurrency/sleep.ts';
import { EarlyEndError } from '../encoding/cutter.ts';
import type { RangeRequest } from '../encoding/encode-range.ts';
import { PADDING_SAMPLES } from '../presentation/timeline.ts';
import type { ArrivingUpload } from '../storage/storage.ts';
import { createPausing } from './pausing.ts';

/** Time between two looks whether a processor is free again. Short beside the seconds that an upload takes. */
const LOOK_EVERY_MS = 50;

export interface EarlyRunOptions
  extends Pick<RangeRequest, 'rendition' | 'executable' | 'onInit' | 'onSegment'> {
  arriving: ArrivingUpload;
  /** The track as far as it is known; its length is not. */
  track: Omit<RangeRequest['track'], 'samples'>;
  /** The run ends after that. */
  maxDurationSeconds: number;
  /** Encodes a range; tests have one that needs no ffmpeg. */
  run(request: RangeRequest): Promise<void>;
  /** Returns whether accepted work needs the processors. The run is stopped meanwhile, and gets no bytes. */
  isBusy(): boolean;
  signal: AbortSignal;
}

/**
 * Hands out all segments before the last one, in order, as their bytes arrive.
 *
 * @returns the samples that the source has by decoding it to its end.
 * @throws {FfmpegError} when the source cannot be decoded as it arrives.
 * @throws {OffTimelineError} when the encoder leaves the timeline.
 * @throws the signal's reason.
 */
export async function encodeArriving(options: EarlyRunOptions): Promise<number> {
  const { arriving, track, maxDurationSeconds, run, isBusy } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const input = Readable.from(fed(arriving.follow({ signal }), { isBusy, signal }), { objectMode: false });
  const pausing = createPausing(isBusy);
  let leader: number | undefined;
  options.signal.addEventListener('abort', pausing.end, { once: true });
  // The run meets the error; before it listens, the error must not end the server.
  input.on('error', () => {});
  try {
    await run({
      track: { ...track, samples: maxDurationSeconds * track.sampleRate },
      rendition: options.rendition,
      executable: options.executable,
      input,
      from: 0,
      until: () => Number.POSITIVE_INFINITY,
      signal: options.signal,
      onStart(pid) {
        leader = pid;
      },
      async onInit(bytes) {
        // Not before: a bubblewrap that is stopped while it makes its namespaces leaves a child that waits for ever when
        // the server is killed meanwhile. Chaos met two of them after 27 kills.
        if (leader !== undefined) pausing.started(leader);
        await options.onInit(bytes);
      },
      onSegment: options.onSegment,
    });
  } catch (error) {
    options.signal.throwIfAborted();
    // The end of the upload is the end of a source whose length was not known.
    if (error instanceof EarlyEndError) return error.samples - PADDING_SAMPLES;
    throw error;
  } finally {
    options.signal.removeEventListener('abort', pausing.end);
    pausing.end();
    over.abort(new Error('the run is over'));
    input.destroy();
  }
  throw new Error('the source is longer than any that is accepted');
}

/** Passes bytes on while a processor is free. */
async function* fed(
  bytes: AsyncIterable<Buffer>,
  { isBusy, signal }: { isBusy(): boolean; signal: AbortSignal },
): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    while (isBusy()) await sleep(LOOK_EVERY_MS, { signal });
    yield chunk;
  }
}
