/**
 * ffmpeg and ffprobe are started through a small launcher each, because fluent-ffmpeg passes nothing but a niceness
 * and a folder to the process it starts. The launcher makes background work yield to serving, and all of it die with the server even
 * when that is killed hard, keep to limits of memory, time and size, and, where the system allows, confines them.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode, StartupError } from '../errors.ts';
import { indexBytes } from './input.ts';
import {
  confined,
  SANDBOXES,
  type Sandbox,
  shellQuote,
  unconfined,
  YIELDING,
  type Yielding,
} from './sandbox.ts';

const run = promisify(execFile);
const CHECK_TIMEOUT_MS = 20_000;
const TEXT_BUSY_PAUSE_MS = 5;

/** ffmpeg takes 0.3 GiB of address space for a run. */
const MAX_ADDRESS_SPACE_BYTES = 2 * 1024 ** 3;
/** ffprobe takes 0.2 GiB, and twice the index of a file: edit lists are applied to a copy of it. */
const PROBE_ADDRESS_SPACE_BYTES = 512 * 1024 ** 2;
const MAX_OPEN_FILES = 64;
/** A copy of the longest file: 48 kHz, two channels, 32 bits. */
const MAX_BYTES_PER_SECOND = 48_000 * 2 * 4;
/** Whatever takes more time than its audio lasts is stuck; this much is for short ones. */
const CPU_GRACE_SECONDS = 120;

/** Paths to start instead of ffmpeg and ffprobe. */
export interface Tools {
  /** For work that somebody waits for: it yields to nothing. */
  ffmpeg: string;
  ffprobe: string;
  /** ffmpeg for work that nobody waits for: the first one yields most, each of the others less than the one before. */
  background: readonly [string, ...string[]];
  /** As ffmpeg tells it, such as `5.1.9-0+deb12u1`. */
  version: string;
  sandbox: SandboxState;
  timeouts: ToolTimeouts;
}

/** How long they may do nothing before they are taken for stuck, in milliseconds. No setting; tests have less. */
export interface ToolTimeouts {
  /** For one run. The first fragment comes after half a second; a slow disk and a busy machine have this long. */
  silentMs: number;
  /** For the test whether they work at all. */
  selfTestMs: number;
}

export const TOOL_TIMEOUTS: ToolTimeouts = { silentMs: 60_000, selfTestMs: 20_000 };

export interface SandboxState {
  /** `off`: by setting, or because the system allows none. */
  mode: Sandbox | 'off';
  /** A sentence for the operator. */
  detail: string;
}

/** `auto`: the first that is usable, else none. */
export type SandboxSetting = 'auto' | 'off' | Sandbox;

export interface ToolSettings {
  ffmpegPath: string;
  ffprobePath: string;
  sandbox: SandboxSetting;
  /** The longest audio that is taken: what limits of processor time and of size are measured by. */
  maxDurationSeconds: number;
}

/**
 * Finds ffmpeg and ffprobe, and writes their launchers.
 *
 * @param folder of ours, where the launchers go.
 * @throws {StartupError} when one of them does not run, or the sandbox that is asked for cannot be had.
 */
export async function prepareTools(
  folder: string,
  settings: ToolSettings,
  timeouts = TOOL_TIMEOUTS,
): Promise<Tools> {
  const wanted =
    settings.sandbox === 'auto' ? SANDBOXES : settings.sandbox === 'off' ? [] : [settings.sandbox];
  for (const sandbox of wanted) {
    const tools = await writeLaunchers(folder, settings, sandbox);
    const detail = 'ffmpeg has no network, and sees no file but the one that it reads.';
    if (tools) return { ...tools, timeouts, sandbox: { mode: sandbox, detail } };
  }
  // Where nothing runs confined, it may be that there is nothing to run.
  const [version] = await Promise.all([
    toolVersion(settings.ffmpegPath, 'FFMPEG_PATH'),
    toolVersion(settings.ffprobePath, 'FFPROBE_PATH'),
  ]);
  if (settings.sandbox !== 'auto' && settings.sandbox !== 'off') {
    throw new StartupError(
      `SANDBOX=${settings.sandbox} is not usable here: it is not installed, or the system does not allow namespaces. Install it, or set SANDBOX to auto or off.`,
    );
  }
  const detail =
    settings.sandbox === 'off'
      ? 'Switched off by SANDBOX=off.'
      : 'Neither bubblewrap nor unshare can be used here: ffmpeg is not confined. Install bubblewrap, and let this user make namespaces.';
  // Where not even a script can be started (Windows), ffmpeg still ends when the pipe that it writes to breaks.
  const tools = (await writeLaunchers(folder, settings, null)) ?? {
    ffmpeg: settings.ffmpegPath,
    ffprobe: settings.ffprobePath,
    background: [settings.ffmpegPath],
    version,
  };
  return { ...tools, timeouts, sandbox: { mode: 'off', detail } };
}

/**
 * @returns the version that a program of the ffmpeg family tells.
 * @throws {StartupError} when it does not run.
 */
export async function toolVersion(executable: string, setting: string): Promise<string> {
  try {
    const { stdout } = await run(executable, ['-hide_banner', '-version'], { timeout: CHECK_TIMEOUT_MS });
    return versionIn(stdout);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new StartupError(
      `"${executable}" does not run (${reason}). Install FFmpeg (https://ffmpeg.org/download.html), or set ${setting} to where it is.`,
    );
  }
}

/** @returns undefined where they do not run. */
async function writeLaunchers(folder: string, settings: ToolSettings, sandbox: Sandbox | null) {
  if (platform() === 'win32') return undefined;
  const root = path.join(folder, 'empty');
  await mkdir(root, { recursive: true });
  const mostYielding = await howToYieldMost();
  // `setpriv` is not everywhere; ffmpeg still ends when the pipe that it writes to breaks.
  for (const diesWithServer of [true, false]) {
    const write = async (name: string, program: string, yielding: Yielding) => {
      const file = path.join(folder, name);
      const start = sandbox
        ? confined(sandbox, program, yielding)
        : unconfined(program, yielding, { diesWithServer });
      const tool = name === 'ffprobe' ? 'ffprobe' : 'ffmpeg';
      const { niceness } = YIELDING[yielding];
      await writeFile(file, launcherText(tool, settings, { root, niceness }) + start);
      await chmod(file, 0o755);
      return file;
    };
    try {
      const [program, probe] = await Promise.all([
        absolutePath(settings.ffmpegPath),
        absolutePath(settings.ffprobePath),
      ]);
      const ffmpeg = await write('ffmpeg', program, 'none');
      const ffprobe = await write('ffprobe', probe, 'none');
      const background = [
        await write('ffmpeg-yielding-most', program, mostYielding),
        await write('ffmpeg-yielding-less', program, 'less'),
        await write('ffmpeg-yielding-least', program, 'least'),
      ] as const;
      const [version] = await Promise.all([launched(ffmpeg), launched(ffprobe)]);
      return { ffmpeg, ffprobe, background, version };
    } catch {
      // The next way, or none: the caller says so.
    }
    if (sandbox) return undefined;
  }
  return undefined;
}

/** What every launcher begins with. Limits that a system does not know are passed over. */
function launcherText(
  name: 'ffmpeg' | 'ffprobe',
  settings: ToolSettings,
  { root, niceness }: { root: string; niceness: number },
): string {
  const { maxDurationSeconds } = settings;
  const addressSpaceBytes =
    name === 'ffmpeg'
      ? MAX_ADDRESS_SPACE_BYTES
      : PROBE_ADDRESS_SPACE_BYTES + 2 * indexBytes(maxDurationSeconds);
  const limits = [
    ['c', 0],
    ['n', MAX_OPEN_FILES],
    ['v', addressSpaceBytes / 1024],
    ['t', maxDurationSeconds + CPU_GRACE_SECONDS],
    ['f', Math.ceil(((maxDurationSeconds + CPU_GRACE_SECONDS) * MAX_BYTES_PER_SECOND) / 512)],
  ];
  return `#!/bin/sh
# Written by the server at its start, and used by it only.
${limits.map(([option, value]) => `ulimit -${option} ${value} 2>/dev/null || :`).join('\n')}
# A group of its own, so that it ends as a whole, in the server's session: where Linux shares out the processor by session,
# niceness counts within one only. Where only a session of its own can be had, that has to be as nice.
if [ -z "$leads_group" ]; then
  export leads_group=yes
  if perl -e 1 2>/dev/null; then exec perl -e 'setpgrp; exec { $ARGV[0] } @ARGV' "$0" "$@"; fi
  if setsid /bin/sh -c : 2>/dev/null; then exec setsid "$0" "$@"; fi
fi
${niceness === 0 ? '' : `{ read -r _ _ _ _ _ session _ < /proc/$$/stat && [ "$session" = $$ ] && echo ${niceness} > /proc/$$/autogroup; } 2>/dev/null || :`}
root=${shellQuote(root)}
if [ -z "$root_is_ready" ]; then
  input= output= before=
  for word; do
    [ "$before" != -i ] || input=\${word#file:}
    before=$word
  done
  case $before in file:*) [ "\${before#file:}" = "$input" ] || output=\${before#file:};; esac
  # It has to be there to be let through.
  [ -z "$output" ] || : >> "$output"
fi
`;
}

/**
 * Linux can do better than nice, where it is let: in some containers it is not. The policy is given to a process that sleeps,
 * for beside a busy neighbour one that has it may not come to its end for seconds.
 */
async function howToYieldMost(): Promise<Yielding> {
  const script = `sleep 9 >/dev/null 2>&1 & chrt -i -p 0 $! && kill -9 $!`;
  const canIdle = await run('/bin/sh', ['-c', script]).then(
    () => true,
    () => false,
  );
  return canIdle ? 'idle' : 'nice';
}

/** Where a name leads by the server's own PATH; the launcher has another one. */
async function absolutePath(executable: string): Promise<string> {
  const { stdout } = await run('/bin/sh', ['-c', 'command -v -- "$1"', 'sh', executable]);
  return path.resolve(stdout.trim());
}

/** The version that it tells through its launcher. */
async function launched(executable: string): Promise<string> {
  try {
    const { stdout } = await run(executable, ['-hide_banner', '-version'], { timeout: CHECK_TIMEOUT_MS });
    return versionIn(stdout);
  } catch (error) {
    // Another process that was forked while the file was written still holds it open, until it is a program itself.
    if (!hasCode(error, 'ETXTBSY')) throw error;
    await pause(TEXT_BUSY_PAUSE_MS);
    return launched(executable);
  }
}

function versionIn(stdout: string): string {
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
