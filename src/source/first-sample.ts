/** Checks that a source decodes at all. */
import { errors } from '../errors.ts';
import { startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { mapAudioStream } from '../ffmpeg/filters.ts';
import { type Decoding, decodeOptions } from './decoding.ts';

const FIRST_SAMPLE_TIMEOUT_MS = 60_000;
const NOTHING_DECODES = 'Not one sample of the audio in this file can be decoded.';

/** Decodes until the first sample. @throws {AppError} 415 when there is none; errors of the decoder alone are no reason. */
export async function assertOneSample(decoding: Decoding): Promise<void> {
  const enough = new AbortController();
  const { stdout, done } = startFfmpeg({
    executable: decoding.executable,
    input: decoding.input,
    inputOptions: decodeOptions(decoding),
    outputOptions: [...mapAudioStream(decoding.streamIndex), '-ac', '1', '-frames:a', '1', '-f', 's16le'],
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
  throw errors.unsupportedMedia(NOTHING_DECODES);
}

/** Makes the 415 of a file that ffmpeg failed to decode. */
export function nothingDecodes(cause: unknown) {
  return errors.unreadableMedia(NOTHING_DECODES, cause);
}
