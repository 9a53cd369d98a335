/**
 * What a file is, and how long exactly: read from its content, never from its name. Also decides that a file is no audio
 * at all.
 */
import { errors } from '../errors.ts';
import type { Source } from '../tracks/track.ts';
import { declaredSamples } from './declared-length.ts';
import { FfmpegError, startFfmpeg } from './ffmpeg.ts';
import { containerName, type Headers, type ProbedStream, type ProbeRequest, readHeaders } from './ffprobe.ts';
import { outputChannels, outputSampleRate } from './ladder.ts';
import { DECODE_OPTIONS, takeStream } from './run.ts';
import { copyAndCount, type Decoding } from './seekable-copy.ts';

const FIRST_SAMPLE_TIMEOUT_MS = 60_000;

/** Everything the pipeline needs to know before it encodes. */
export interface Probed {
  source: Omit<Source, 'bytes' | 'sha256'>;
  streamIndex: number;
  /** Hz, of the renditions. */
  sampleRate: number;
  channels: 1 | 2;
  /** N, at `sampleRate`. */
  samples: number;
  /** Whether a copy was made that can be sought in to the sample, for this file cannot. */
  hasSeekableCopy: boolean;
}

/**
 * @throws {AppError} 415 with the reason in plain words when the file is no audio or holds not one decodable sample.
 */
export async function probe(request: ProbeRequest): Promise<Probed> {
  const headers = await readHeaders(request);
  const stream = chooseStream(headers);
  const source = {
    container: containerName(headers.format.format_name),
    codec: stream.codec_name ?? 'unknown',
    bitRate: wholeOrNull(stream.bit_rate) ?? wholeOrNull(headers.format.bit_rate),
    sampleRate: Number(stream.sample_rate),
    channels: stream.channels ?? 0,
  };
  if (!(source.sampleRate > 0) || !(source.channels > 0)) {
    throw errors.unsupportedMedia(
      'The audio in this file has no sample rate or no channels; it cannot be decoded.',
    );
  }
  const sampleRate = outputSampleRate(source.sampleRate);
  const channels = outputChannels(source.channels);
  const { input, signal, executables, maxDurationSeconds } = request;
  const decoding = {
    input,
    signal,
    executable: executables.ffmpeg,
    streamIndex: stream.index,
    sampleRate,
    channels,
    maxDurationSeconds,
  };
  const [, declared] = await Promise.all([
    assertOneSample(decoding),
    declaredSamples(request, { headers, stream, sampleRate }),
  ]);
  const samples =
    declared ??
    (await request
      .makeSeekableCopy(async (file) =>
        copyAndCount({ ...decoding, maxBytes: await request.copyRoomBytes(), hasTimeline: true }, file),
      )
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof FfmpegError ? nothingDecodes(error) : error;
      }));
  if (samples > request.maxDurationSeconds * sampleRate) {
    throw errors.unsupportedMedia(
      `The audio in this file is longer than ${request.maxDurationSeconds} seconds (MAX_DURATION_SECONDS).`,
    );
  }
  return {
    source,
    streamIndex: stream.index,
    sampleRate,
    channels,
    // Where padding is declared for all that there is, one sample of silence remains: it does decode.
    samples: Math.max(1, samples),
    hasSeekableCopy: declared === null,
  };
}

/** The default audio stream, else the first. Cover art is a video stream and is passed over. */
function chooseStream(headers: Headers): ProbedStream {
  const audio = headers.streams.filter((stream) => stream.codec_type === 'audio');
  const chosen = audio.find((stream) => stream.disposition?.default === 1) ?? audio[0];
  if (!chosen) throw errors.unsupportedMedia('There is no audio in this file.');
  return chosen;
}

/** @throws {AppError} 415 when nothing at all decodes. What a decoder complains of is no reason. */
async function assertOneSample(decoding: Decoding): Promise<void> {
  const enough = new AbortController();
  const { stdout, done } = startFfmpeg({
    executable: decoding.executable,
    input: decoding.input,
    inputOptions: DECODE_OPTIONS,
    outputOptions: [...takeStream(decoding.streamIndex), '-ac', '1', '-frames:a', '1', '-f', 's16le'],
    signal: AbortSignal.any([decoding.signal, enough.signal]),
    timeoutMs: FIRST_SAMPLE_TIMEOUT_MS,
  });
  try {
    for await (const chunk of stdout) if (chunk.length > 0) return;
    await done;
  } catch (error) {
    decoding.signal.throwIfAborted();
    throw nothingDecodes(error);
  } finally {
    enough.abort();
    await done.catch(() => {});
  }
  throw nothingDecodes();
}

function wholeOrNull(value: string | undefined): number | null {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}

function nothingDecodes(cause?: unknown) {
  return errors.unsupportedMedia('Not one sample of the audio in this file can be decoded.', cause);
}
