/**
 * Encodes uploads while they arrive. The segments are staged; the track that an upload becomes adopts them. Where that cannot
 * be they are dropped, and nothing is worse than without.
 *
 *     64 KiB have come, fast enough ──> ffprobe tells the format ──> one run for each rendition stages segments
 *     the upload is whole and added ──> it is the source that was encoded ──> adopted; the encoder makes the rest
 *
 * An early encode takes what is left over: its runs yield to all other processes, and get no bytes while accepted work takes
 * all processors.
 */
import type { ArrivingUpload } from '../storage/storage.ts';
import { createEarlyEncode, type EarlyEncode, type EarlyEncodeOptions } from './early-encode.ts';

export interface EarlyEncoder {
  /**
   * Begins to watch an upload.
   *
   * @param holder shares out places: the name of an API key, or the client's address.
   */
  begin(arriving: ArrivingUpload, holder: string): EarlyEncode;
  /** Ends all early encodes. Once it resolves nothing of them runs, and nothing of them is stored. */
  close(): Promise<void>;
}

export type EarlyEncoderOptions = Omit<EarlyEncodeOptions, 'onEnd'> & { isEnabled: boolean };

/** Stands for the early encode of every upload where there is none. */
const NONE: EarlyEncode = {
  arrived() {},
  whole() {},
  proven: () => undefined,
  adopt: async () => {},
  drop: async () => {},
};

export function createEarlyEncoder(options: EarlyEncoderOptions): EarlyEncoder {
  const active = new Set<EarlyEncode>();
  let isClosed = false;

  return {
    begin(arriving, holder) {
      if (!options.isEnabled || isClosed) return NONE;
      const onEnd = () => void active.delete(encode);
      const encode: EarlyEncode = createEarlyEncode(arriving, holder, { ...options, onEnd });
      active.add(encode);
      return encode;
    },
    async close() {
      isClosed = true;
      await Promise.all([...active].map((encode) => encode.drop()));
    },
  };
}
