/**
 * ffmpeg and ffprobe are started through a small launcher each, because fluent-ffmpeg passes nothing but a niceness
 * and a folder to the process it starts. The launcher makes them yield to serving (nice 10) and die with the server,
 * even when that is killed hard.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode, StartupError } from '../errors.ts';

const run = promisify(execFile);
const CHECK_TIMEOUT_MS = 20_000;
const TEXT_BUSY_PAUSE_MS = 5;

/** Paths to start instead of ffmpeg and ffprobe. */
export interface Tools {
  ffmpeg: string;
  ffprobe: string;
  /** As ffmpeg tells it, such as `5.1.9-0+deb12u1`. */
  version: string;
}

/**
 * Finds ffmpeg and ffprobe, and writes their launchers.
 *
 * @param folder of ours, where the launchers go.
 * @throws {StartupError} when one of them does not run.
 */
export async function prepareTools(
  folder: string,
  paths: { ffmpegPath: string; ffprobePath: string },
): Promise<Tools> {
  const [version] = await Promise.all([
    toolVersion(paths.ffmpegPath, 'FFMPEG_PATH'),
    toolVersion(paths.ffprobePath, 'FFPROBE_PATH'),
  ]);
  const ffmpeg = await writeLauncher(folder, 'ffmpeg', paths.ffmpegPath);
  const ffprobe = await writeLauncher(folder, 'ffprobe', paths.ffprobePath);
  return { ffmpeg, ffprobe, version };
}

/**
 * @returns the version that a program of the ffmpeg family tells.
 * @throws {StartupError} when it does not run.
 */
export async function toolVersion(executable: string, setting: string): Promise<string> {
  try {
    const { stdout } = await run(executable, ['-hide_banner', '-version'], { timeout: CHECK_TIMEOUT_MS });
    return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new StartupError(
      `"${executable}" does not run (${reason}). Install FFmpeg (https://ffmpeg.org/download.html), or set ${setting} to where it is.`,
    );
  }
}

async function writeLauncher(folder: string, name: string, executable: string): Promise<string> {
  if (platform() === 'win32') return executable;
  const launcher = path.join(folder, name);
  await mkdir(folder, { recursive: true });
  for (const prefix of ['nice -n 10 setpriv --pdeathsig KILL', 'nice -n 10']) {
    await writeFile(launcher, `#!/bin/sh\nexec ${prefix} ${shellQuote(executable)} "$@"\n`);
    await chmod(launcher, 0o755);
    if (await runs(launcher)) return launcher;
  }
  // Neither is there: ffmpeg still ends when the pipe that it writes to breaks.
  return executable;
}

async function runs(executable: string): Promise<boolean> {
  try {
    await run(executable, ['-hide_banner', '-version'], { timeout: CHECK_TIMEOUT_MS });
    return true;
  } catch (error) {
    // Another process that was forked while the file was written still holds it open, until it is a program itself.
    if (!hasCode(error, 'ETXTBSY')) return false;
    await pause(TEXT_BUSY_PAUSE_MS);
    return runs(executable);
  }
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
