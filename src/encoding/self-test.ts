/**
 * Whether ffmpeg and ffprobe do their work just now: a second of audio of ours goes the way that every upload goes. It
 * tells a file that cannot be processed from a machine that cannot process any.
 */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createSingleFlight } from '../concurrency/single-flight.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import { readHeaders } from '../source/ffprobe.ts';
import { run } from './encode-range.ts';

const SAMPLE_RATE = 48_000;
const SAMPLES = 48_000;

export interface SelfTest {
  /** @returns null when all is well, else a sentence that says what is wrong. Looks anew; calls at once share a look. */
  fault(): Promise<string | null>;
  /** The same, as it was at most ten seconds ago. */
  recentFault(): Promise<string | null>;
}

const RECENT_MS = 10_000;

/** @param folder of ours, where the audio goes. */
export function createSelfTest(tools: Promise<Tools>, folder: string): SelfTest {
  const looks = createSingleFlight<'look', string | null>();
  let last: { at: number; trouble: string | null } | undefined;

  const look = async () => {
    const trouble = await examine(await tools, path.join(folder, 'self-test.wav'));
    last = { at: performance.now(), trouble };
    return trouble;
  };
  const trouble = () => looks.run('look', look);
  return {
    fault: trouble,
    recentFault: async () =>
      last && performance.now() - last.at < RECENT_MS && last.trouble === null ? null : trouble(),
  };
}

async function examine(tools: Tools, file: string): Promise<string | null> {
  const { silentMs, selfTestMs } = tools.timeouts;
  const signal = AbortSignal.timeout(selfTestMs);
  const reason = (error: unknown) => reasonOf(error, signal, selfTestMs);
  const audio = secondOfAudio();
  try {
    // Once: a full disk would cut it.
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size !== audio.length) await writeFile(file, audio);
  } catch (error) {
    return `Its test cannot be made: ${reason(error)}.`;
  }
  try {
    const { streams } = await readHeaders({
      executables: tools,
      input: file,
      signal,
      maxDurationSeconds: 1,
    });
    if (streams[0]?.sample_rate !== String(SAMPLE_RATE)) return 'ffprobe does not tell what a file is.';
  } catch (error) {
    return `ffprobe does not work: ${reason(error)}.`;
  }
  try {
    let segments = 0;
    await run({
      track: {
        sampleRate: SAMPLE_RATE,
        samples: SAMPLES,
        segmentFrames: 20,
        channels: 1,
        streamIndex: 0,
        hasSeekableCopy: false,
      },
      rendition: { codec: 'aac', bitRate: 64_000 },
      executable: tools.ffmpeg,
      input: file,
      from: 0,
      until: () => 2,
      signal,
      silentMs,
      onInit: async () => {},
      onSegment: async () => void segments++,
    });
    return segments === 2 ? null : 'ffmpeg does not encode as it should.';
  } catch (error) {
    return `ffmpeg does not work: ${reason(error)}.`;
  }
}

function reasonOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `it did nothing for ${timeoutMs / 1000} seconds`;
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const lines = inner instanceof Error ? inner.message.trim().split('\n') : [];
  return (lines[0] ?? String(error)).replace(/[.:]$/, '');
}

/** A sawtooth in a WAV file: mono, 16 bits. */
function secondOfAudio(): Buffer {
  const wav = Buffer.alloc(44 + 2 * SAMPLES);
  wav.write('RIFF');
  wav.writeUInt32LE(36 + 2 * SAMPLES, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLE_RATE, 24);
  wav.writeUInt32LE(2 * SAMPLE_RATE, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(2 * SAMPLES, 40);
  for (let at = 0; at < SAMPLES; at++) wav.writeInt16LE(((at * 97) % 20_000) - 10_000, 44 + 2 * at);
  return wav;
}
