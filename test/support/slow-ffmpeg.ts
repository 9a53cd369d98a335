/** Programs to give a server in place of ffmpeg whose encodes are slow, halt, or fail when told to. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeEncodingBy, writeSlowFfmpeg } from '../../testkit/slow-ffmpeg.ts';
import { temporaryFolder } from './folders.ts';

/**
 * Writes an ffmpeg that encodes no faster than so many times real time.
 *
 * @returns its path, for FFMPEG_PATH.
 */
export async function slowFfmpeg(timesRealTime: number): Promise<string> {
  return writeSlowFfmpeg(await temporaryFolder(), timesRealTime);
}

/** Writes an ffmpeg that writes so many bytes of an encode, and then nothing more. */
export async function haltingFfmpeg(bytes: number): Promise<string> {
  return encodingBy(`ffmpeg "$@" | head -c ${bytes}; exec sleep 1000`);
}

/**
 * Writes an ffmpeg whose encodes fail as long as there are lines in the file `failures`; each failure takes one away. For
 * SANDBOX=off: it needs that file.
 */
export async function failingFfmpeg(): Promise<{ executable: string; failures: string }> {
  const failures = path.join(await temporaryFolder(), 'failures');
  await writeFile(failures, '');
  const fail = `sed -i 1d ${failures}; echo "no luck" >&2; exit 3`;
  return {
    executable: await encodingBy(`if [ -s ${failures} ]; then ${fail}; fi; exec ffmpeg "$@"`),
    failures,
  };
}

async function encodingBy(encode: string): Promise<string> {
  return writeEncodingBy(await temporaryFolder(), encode);
}
