/** Tells what a file seems to be by as much of it as has arrived. */
import { AppError } from '../errors.ts';
import { outputChannels, outputSampleRate } from '../presentation/ladder.ts';
import { containerName, type ProbedFile } from './ffprobe.ts';
import { recogniseDirectly } from './recognise.ts';
import { assertFewComments } from './vorbis-comments.ts';

/**
 * Containers that are read from their first byte to their last: fed to the standard input of ffmpeg they decode to the same
 * samples as from a file. An MP4 decodes only if its index comes first; without the index it is not recognised.
 */
const STREAMED = new Set(['aac', 'flac', 'mp3', 'mp4', 'ogg', 'wav']);
/** Of a WAV with several "data" chunks ffmpeg reads all from standard input, and the last one from a file. */
const SURE_AT_THEIR_END = new Set(['wav']);

/** What shapes an encode, as far as the beginning of a source tells. */
export interface Beginning {
  codec: string;
  /** Bits per second; null where it is not declared. */
  bitRate: number | null;
  streamIndex: number;
  /** Sample rate of the renditions in Hz. */
  sampleRate: number;
  channels: 1 | 2;
  /** Only at its end, by its length, it is sure that the source decodes as it arrives to the same as from a file. */
  isSureAtItsEnd: boolean;
}

/** What decoding a source from its beginning has shown. */
export interface Proven {
  /** At least one sample of this stream has decoded. */
  beginning: Beginning;
  /** The sample at which the source ends, at the rate of the renditions; null where decoding has not come there. */
  endSamples: number | null;
}

/**
 * Resolves with what an incomplete file seems to be, or with null where that is not sure, or the file cannot be decoded as it
 * arrives.
 *
 * @throws the signal's reason.
 */
export async function examineBeginning(file: ProbedFile): Promise<Beginning | null> {
  try {
    await assertFewComments(file.input);
    const recognised = await recogniseDirectly(file);
    if (!recognised) return null;
    const { headers, stream } = recognised;
    const container = containerName(headers.format.format_name);
    if (!STREAMED.has(container)) return null;
    return {
      codec: stream.codec_name ?? 'unknown',
      bitRate: Number(stream.bit_rate) || null,
      streamIndex: stream.index,
      sampleRate: outputSampleRate(Number(stream.sample_rate)),
      channels: outputChannels(stream.channels ?? 0),
      isSureAtItsEnd: SURE_AT_THEIR_END.has(container),
    };
  } catch (error) {
    file.signal.throwIfAborted();
    // The rest of the file may be what is missing.
    if (error instanceof AppError) return null;
    throw error;
  }
}
