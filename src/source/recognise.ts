/** Recognises a file: the stream to encode, and how to open the file. */
import { errors } from '../errors.ts';
import type { Opening } from '../tracks/track.ts';
import { containerName, type Headers, type ProbedFile, type ProbedStream, readHeaders } from './ffprobe.ts';
import { findOpening } from './opening.ts';

/** Score up to which ffmpeg itself warns "misdetection possible" (AVPROBE_SCORE_RETRY). */
const DOUBTFUL_SCORE = 25;

export interface Recognised {
  headers: Headers;
  stream: ProbedStream;
  /** Null if ffmpeg recognises the file correctly. */
  opening: Opening | null;
}

/**
 * Recognises a file with ffprobe. If ffprobe does not know the file, is doubtful, or decodes nothing, searches the first
 * bytes for audio frames and skips the bytes before them.
 *
 * @throws {AppError} 415 with the reason when there is no audio.
 */
export async function recognise(file: ProbedFile): Promise<Recognised> {
  const look = (opening: Opening | null) => lookAt(file, opening);
  const direct = await look(null).catch((error: unknown) => {
    file.signal.throwIfAborted();
    return { error };
  });
  if ('headers' in direct && isCertain(direct)) return direct;
  const found = await findOpening(file.input);
  if ('headers' in direct) {
    const opening = betterOpening(direct, found);
    return opening ? look(opening) : direct;
  }
  if (!found) throw direct.error;
  return look(found);
}

/**
 * Recognises a file with ffprobe alone. Resolves with null if ffprobe is doubtful, or decodes nothing.
 *
 * @throws {AppError} 415 if ffprobe does not know the file.
 */
export async function recogniseDirectly(file: ProbedFile): Promise<Recognised | null> {
  const direct = await lookAt(file, null);
  return isCertain(direct) ? direct : null;
}

async function lookAt(file: ProbedFile, opening: Opening | null): Promise<Recognised> {
  const headers = await readHeaders(file, opening);
  return { headers, stream: chooseStream(headers), opening };
}

function isCertain({ headers, stream }: Recognised): boolean {
  const hasDecoded = headers.frames.some(
    ({ stream_index, nb_samples = 0 }) => stream_index === stream.index && nb_samples > 0,
  );
  return hasDecoded && headers.format.probe_score > DOUBTFUL_SCORE;
}

/** Returns null if ffmpeg is right about the file although its score is low. */
function betterOpening({ headers }: Recognised, found: Opening | null): Opening | null {
  const container = containerName(headers.format.format_name);
  if (found && found.demuxer !== container) return found;
  const isHeadless = container === 'flac' && headers.format.probe_score <= DOUBTFUL_SCORE;
  // ffmpeg finds all frames of such a file, including damaged ones, but their time stamps are useless.
  return isHeadless ? { demuxer: 'flac', startByte: 0 } : null;
}

/** Returns the default audio stream, or else the first. Cover art is a video stream, so it is never chosen. */
function chooseStream({ streams }: Headers): ProbedStream {
  const audio = streams.filter((stream) => stream.codec_type === 'audio');
  const chosen = audio.find((stream) => stream.disposition?.default === 1) ?? audio[0];
  if (!chosen) throw errors.unsupportedMedia('There is no audio in this file.');
  if (!(Number(chosen.sample_rate) > 0) || !((chosen.channels ?? 0) > 0)) {
    throw errors.unsupportedMedia(
      'The audio in this file cannot be decoded: it has no sample rate or no channels.',
    );
  }
  return chosen;
}
