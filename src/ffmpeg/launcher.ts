/**
 * Starts ffmpeg and ffprobe through launchers, because fluent-ffmpeg passes nothing but a niceness and a folder to the process
 * that it starts. A launcher sets variables and sources `launch.sh`: limits of memory, time and size, niceness, a sandbox where
 * the system allows one, and death with the server, also when that is killed hard.
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
  type Abilities,
  findAbilities,
  type LaunchSettings,
  launcherText,
  type Niceness,
} from './launch-script.ts';

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
/** POSIX, `ulimit -f`. */
const BLOCK_BYTES = 512;
/** A process that takes more processor time than its audio lasts is stuck; this much more is for short audio. */
const CPU_GRACE_SECONDS = 120;

/** Paths to start instead of ffmpeg and ffprobe. */
export interface Tools {
  /** For work that a client waits for: it yields to nothing. */
  ffmpeg: string;
  ffprobe: string;
  /** ffmpeg for background work: the first one yields most, each of the others less than the one before. */
  background: readonly [string, ...string[]];
  /** Version of ffmpeg, such as `5.1.9-0+deb12u1`. */
  version: string;
  sandbox: SandboxState;
  timeouts: ToolTimeouts;
  /** What this ffmpeg lacks for covers; undefined where it makes them. */
  lackedForCovers?: string | undefined;
}

/** Times without progress after which a tool counts as stuck, in milliseconds. No setting; tests have shorter ones. */
export interface ToolTimeouts {
  /** Of one run. The first fragment comes after half a second; a slow disk and a busy machine get this much. */
  silentMs: number;
  /** Of the self-test. */
  selfTestMs: number;
}

export const TOOL_TIMEOUTS: ToolTimeouts = { silentMs: 60_000, selfTestMs: 20_000 };

export interface SandboxState {
  /** `off` by setting, or because the system allows none. */
  mode: Sandbox | 'off';
  /** A sentence for the operator. */
  detail: string;
}

/** Sandboxes in the order in which they are tried: bubblewrap takes 0.01 s, unshare 0.07 s and root's rights. */
export const SANDBOXES = ['bubblewrap', 'unshare'] as const;
type Sandbox = (typeof SANDBOXES)[number];

/** `auto` takes the first usable one, or none. */
export type SandboxSetting = 'auto' | 'off' | Sandbox;

export interface ToolSettings {
  ffmpegPath: string;
  ffprobePath: string;
  sandbox: SandboxSetting;
  /** Longest audio that is accepted: limits of processor time and of size depend on it. */
  maxDurationSeconds: number;
}

/**
 * Finds ffmpeg and ffprobe, and writes their launchers.
 *
 * @param folder for the launchers.
 * @throws {StartupError} when one of the tools does not run, or the wanted sandbox is not usable.
 */
export async function prepareTools(
  folder: string,
  settings: ToolSettings,
  timeouts = TOOL_TIMEOUTS,
): Promise<Tools> {
  const wanted =
    settings.sandbox === 'auto' ? SANDBOXES : settings.sandbox === 'off' ? [] : [settings.sandbox];
  const abilities = await abilitiesOrNull();
  const write = async (sandbox: LaunchSettings['sandbox']) =>
    abilities && writeLaunchers(folder, settings, { ...abilities, sandbox });
  for (const sandbox of wanted) {
    const tools = await write(sandbox);
    const detail = 'ffmpeg has no network, and sees no file but the one that it reads.';
    if (tools) return { ...tools, timeouts, sandbox: { mode: sandbox, detail } };
  }
  // If no tool runs in a sandbox, perhaps there is no tool: then say so.
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
  // Windows starts no shell scripts. ffmpeg still ends there when its output pipe breaks.
  const tools = (await write('none')) ?? {
    ffmpeg: settings.ffmpegPath,
    ffprobe: settings.ffprobePath,
    background: [settings.ffmpegPath],
    version,
  };
  return { ...tools, timeouts, sandbox: { mode: 'off', detail } };
}

/**
 * Resolves with the version of a program of the ffmpeg family.
 *
 * @throws {StartupError} when it does not run.
 */
async function toolVersion(executable: string, setting: string): Promise<string> {
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

/**
 * Resolves with null on Windows, which has no shell scripts.
 *
 * @throws {StartupError} when `launch.sh` is missing or does not run: ffmpeg must not run without limits unnoticed.
 */
async function abilitiesOrNull(): Promise<Abilities | null> {
  if (platform() === 'win32') return null;
  return findAbilities().catch((error: Error) => {
    throw new StartupError(
      `The launcher of ffmpeg does not run (${error.message.trim().split('\n').at(-1)}). Build the server anew: npm run build.`,
    );
  });
}

type WaysToLaunch = Abilities & Pick<LaunchSettings, 'sandbox'>;

/** Resolves with undefined if the launchers do not run, for instance in a sandbox that the system does not allow. */
async function writeLaunchers(folder: string, settings: ToolSettings, { canBeIdle, ...ways }: WaysToLaunch) {
  const root = path.join(folder, 'empty');
  await mkdir(root, { recursive: true });
  try {
    const [program, probe] = await Promise.all([
      absolutePath(settings.ffmpegPath),
      absolutePath(settings.ffprobePath),
    ]);
    const write = async (name: string, tool: Pick<LaunchSettings, 'program' | 'niceness'>) => {
      const file = path.join(folder, name);
      const limits = limitsOf(name === 'ffprobe' ? 'ffprobe' : 'ffmpeg', settings.maxDurationSeconds);
      await writeFile(file, launcherText({ ...tool, ...ways, ...limits, root }));
      await chmod(file, 0o755);
      return file;
    };
    const writeFfmpeg = (name: string, niceness: Niceness) => write(name, { program, niceness });
    const ffmpeg = await writeFfmpeg('ffmpeg', 0);
    const ffprobe = await write('ffprobe', { program: probe, niceness: 0 });
    // Beside a busy neighbour the idle policy leaves nothing at all, niceness 10 leaves 10 % of a core, niceness 5 24 %.
    const background = [
      await writeFfmpeg('ffmpeg-yielding-most', canBeIdle ? 'idle' : 19),
      await writeFfmpeg('ffmpeg-yielding-less', 10),
      await writeFfmpeg('ffmpeg-yielding-least', 5),
    ] as const;
    const [version] = await Promise.all([launched(ffmpeg), launched(ffprobe)]);
    return { ffmpeg, ffprobe, background, version };
  } catch {
    // The caller finds out why: the tools do not run, or this sandbox is not usable.
    return undefined;
  }
}

function limitsOf(tool: 'ffmpeg' | 'ffprobe', maxDurationSeconds: number) {
  const addressSpaceBytes =
    tool === 'ffmpeg'
      ? MAX_ADDRESS_SPACE_BYTES
      : PROBE_ADDRESS_SPACE_BYTES + 2 * indexBytes(maxDurationSeconds);
  const cpuSeconds = maxDurationSeconds + CPU_GRACE_SECONDS;
  return {
    openFiles: MAX_OPEN_FILES,
    addressSpaceKilobytes: addressSpaceBytes / 1024,
    cpuSeconds,
    fileBlocks: Math.ceil((cpuSeconds * MAX_BYTES_PER_SECOND) / BLOCK_BYTES),
  };
}

/** Resolves a program through the server's PATH; the launcher has another one. */
async function absolutePath(executable: string): Promise<string> {
  const { stdout } = await run('/bin/sh', ['-c', 'command -v -- "$1"', 'sh', executable]);
  return path.resolve(stdout.trim());
}

/** Resolves with the version of a program, started through its launcher. */
async function launched(executable: string): Promise<string> {
  try {
    const { stdout } = await run(executable, ['-hide_banner', '-version'], { timeout: CHECK_TIMEOUT_MS });
    return versionIn(stdout);
  } catch (error) {
    // A process that was forked while the file was written holds it open until it executes its program.
    if (!hasCode(error, 'ETXTBSY')) throw error;
    await pause(TEXT_BUSY_PAUSE_MS);
    return launched(executable);
  }
}

function versionIn(stdout: string): string {
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
