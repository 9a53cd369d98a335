/** Tells what a file seems to be by as much of it as has arrived. */
import { AppError } from '../errors.ts';
import { outputChannels, outputSampleRate } from '../presentation/ladder.ts';
import { PADDING_SAMPLES } from '../presentation/timeline.ts';
import type { Track } from '../tracks/track.ts';
import { containerName, type ProbedFile } from './ffprobe.ts';
import { recogniseDirectly } from './recognise.ts';
import { assertFewComments } from './vorbis-comments.ts';
import { firstDataBytes } from './wav-header.ts';

/**
 * Containers that are read from their first byte to their last: fed to the standard input of ffmpeg they decode to the same
 * samples as from a file. An MP4 decodes only if its index comes first; without the index it is not recognised.
 */
const STREAMED = new Set(['aac', 'flac', 'mp3', 'mp4', 'ogg', 'wav']);
/** Bytes of a file over those of its first piece of sound: with another piece of the same length it has twice as many. */
const MAX_PIECE_RATIO = 1.5;

/** Properties of a source that shape its encode, as far as its beginning tells. */
export interface Beginning {
  codec: string;
  /** Bits per second; null where it is not declared. */
  bitRate: number | null;
  streamIndex: number;
  /** Sample rate of the renditions in Hz. */
  sampleRate: number;
  channels: 1 | 2;
  /**
   * Declared bytes of the first "data" chunk of a WAV; null for other formats. Of a WAV with several ffmpeg plays all from
   * standard input, and the last one from a file: only a WAV that is one piece decodes to the same from both.
   */
  dataBytes: number | null;
}

/** Results of decoding a source from its beginning. */
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
    const dataBytes = container === 'wav' ? await firstDataBytes(file.input) : null;
    if (container === 'wav' && dataBytes === null) return null;
    return {
      codec: stream.codec_name ?? 'unknown',
      bitRate: Number(stream.bit_rate) || null,
      streamIndex: stream.index,
      sampleRate: outputSampleRate(Number(stream.sample_rate)),
      channels: outputChannels(stream.channels ?? 0),
      dataBytes,
    };
  } catch (error) {
    file.signal.throwIfAborted();
    // The rest of the file may be what is missing.
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** Returns whether a track is the sound of the first "data" chunk of a WAV, and the file holds no other. */
export function isOnePiece(
  dataBytes: number,
  { samples, sampleRate, source }: Pick<Track, 'samples' | 'sampleRate' | 'source'>,
): boolean {
  const bytesPerSample = (source.bitRate ?? 0) / 8 / sampleRate;
  const isItsLength = Math.abs(dataBytes - samples * bytesPerSample) <= PADDING_SAMPLES * bytesPerSample;
  return isItsLength && source.bytes <= MAX_PIECE_RATIO * dataBytes;
}
