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
 * Writes an ffmpeg that encodes slowly, calls itself another version, and signs its init segments with another name.
 *
 * @returns its path, for FFMPEG_PATH.
 */
export async function writeOtherVersion(folder: string, timesRealTime: number): Promise<string> {
  const file = path.join(folder, 'other-ffmpeg');
  const version = `*-version*) ffmpeg -version | sed 's/version [^ ]*/version 0-other/'; exit;;`;
  // All in one script: the sandbox hides all other files.
  const encode = `*frag_duration*) ffmpeg -readrate ${timesRealTime} "$@" | LC_ALL=C sed -u 's/Lavf/Lavg/'; exit;;`;
  await writeFile(
    file,
    `#!/bin/sh\ncase "$*" in *self-test*) ;; ${version} ${encode} esac\nexec ffmpeg "$@"\n`,
  );
  await chmod(file, 0o755);
  return file;
}
