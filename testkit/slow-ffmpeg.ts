/** Programs in place of ffmpeg: one whose encodes are slow, and one that says that it is another version. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes an ffmpeg that encodes no faster than so many times real time.
 *
 * @returns its path, for FFMPEG_PATH.
 */
export async function writeSlowFfmpeg(folder: string, timesRealTime: number): Promise<string> {
  return writeEncodingBy(folder, `exec ffmpeg -readrate ${timesRealTime} "$@"`);
}

/**
 * Writes an ffmpeg that encodes in another way.
 *
 * @param encode shell command that is run in place of an encode of a track. Probes and the server's self-test get the real ffmpeg.
 */
export async function writeEncodingBy(folder: string, encode: string): Promise<string> {
  const file = path.join(folder, 'ffmpeg');
  const choose = `case "$*" in *self-test*) ;; *frag_duration*) ${encode};; esac`;
  await writeFile(file, `#!/bin/sh\n${choose}\nexec ffmpeg "$@"\n`);
  await chmod(file, 0o755);
  return file;
}

/**
 * Writes an ffmpeg that encodes like the one at `ffmpeg`, and calls itself another version.
 *
 * @returns its path, for FFMPEG_PATH.
 */
export async function writeOtherVersion(folder: string, ffmpeg: string): Promise<string> {
  const file = path.join(folder, 'other-ffmpeg');
  const versions = `case "$*" in *-version*) ffmpeg -version | sed 's/version [^ ]*/version 0-other/'; exit;; esac`;
  await writeFile(file, `#!/bin/sh\n${versions}\nexec ${ffmpeg} "$@"\n`);
  await chmod(file, 0o755);
  return file;
}
