/**
 * Tests whether ffmpeg and ffprobe work: a second of the server's own audio goes the way of every upload. The result tells a file
 * that cannot be processed from a machine that cannot process any.
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
  /** Resolves with a sentence that says what is wrong, or with null. Tests now; calls at the same time share one test. */
  fault(): Promise<string | null>;
  /** Resolves with a result that is at most ten seconds old; a fault is tested again. */
  recentFault(): Promise<string | null>;
}

const RECENT_MS = 10_000;

/** @param folder for the audio. */
export function createSelfTest(tools: Promise<Tools>, folder: string): SelfTest {
  const tests = createSingleFlight<'test', string | null>();
  let last: { at: number; fault: string | null } | undefined;

  const test = async () => {
    const fault = await examine(await tools, path.join(folder, 'self-test.wav'));
    last = { at: performance.now(), fault };
    return fault;
  };
  const testNow = () => tests.run('test', test);
  return {
    fault: testNow,
    recentFault: async () =>
      last && performance.now() - last.at < RECENT_MS && last.fault === null ? null : testNow(),
  };
}

async function examine(tools: Tools, file: string): Promise<string | null> {
  const { silentMs, selfTestMs } = tools.timeouts;
  const signal = AbortSignal.timeout(selfTestMs);
  const reason = (error: unknown) => reasonOf(error, signal, selfTestMs);
  const audio = secondOfAudio();
  try {
    // Written once: a full disk would cut it.
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
