/** One ffmpeg process as one awaitable. The only importer of fluent-ffmpeg. */
import type { ChildProcess } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import ffmpeg from 'fluent-ffmpeg';
import { INPUT_OPTIONS, inputUrl } from './input.ts';
import { killGroup } from './tool-process.ts';

/** Time that a process gets to end after a TERM before it is killed. */
const KILL_AFTER_MS = 2000;
const STDERR_LINES = 40;

export interface FfmpegJob {
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path of a file of the server, or bytes for standard input. */
  input: string | Readable;
  inputOptions?: readonly string[];
  outputOptions: readonly string[];
  /** Output file, for formats that need to seek in it. By default the output goes to standard output. */
  outputFile?: string;
  /** Ends the process: TERM, then KILL. */
  signal: AbortSignal;
  /** Wall-clock limit. */
  timeoutMs: number;
  /** Time without output after which it counts as stuck. */
  silentMs?: number;
  /** Called with the process that leads the group. */
  onStart?(pid: number): void;
  /** Called with each line on standard error. */
  onStderr?(line: string): void;
}

export interface FfmpegProcess {
  /** Must be read, or the process stands still. */
  stdout: AsyncIterable<Buffer>;
  /**
   * Resolves once the process has ended well; rejects with the signal's reason when that ended it, and otherwise
   * with a {@link FfmpegError}.
   */
  done: Promise<void>;
}

/** ffmpeg failed by itself. The message is for the log: it contains paths of the server. */
export class FfmpegError extends Error {
  override readonly name = 'FfmpegError';
  readonly command: string;
  /** Its last lines on standard error. */
  readonly stderr: string;

  constructor(message: string, report: { command: string; stderr: string }) {
    super(message);
    this.command = report.command;
    this.stderr = report.stderr;
  }
}

/** The parts of a fluent-ffmpeg command that its types leave out. */
interface CommandInternals {
  ffmpegProc?: ChildProcess;
  _getFfmpegPath(callback: (error: Error | null, path: string) => void): void;
  _spawnFfmpeg(...args: unknown[]): void;
}

/** Starts ffmpeg. */
export function startFfmpeg(job: FfmpegJob): FfmpegProcess {
  const command = ffmpeg({ stdoutLines: STDERR_LINES })
    .input(typeof job.input === 'string' ? inputUrl(job.input) : job.input)
    .inputOptions([
      '-nostdin',
      '-hide_banner',
      '-loglevel',
      'error',
      ...INPUT_OPTIONS,
      ...(job.inputOptions ?? []),
    ])
    .outputOptions([...job.outputOptions]);
  // The library caches the path of ffmpeg for the whole process; here each command has its own.
  const internals = command as unknown as CommandInternals;
  internals._getFfmpegPath = (callback) => callback(null, job.executable);

  // With autoDestroy the library would take the stream's `close`, 20 ms before a slow exit, for a failure.
  const stdout = new PassThrough({ autoDestroy: false });
  // Its reader gets the error. Without a reader the error must not end the server.
  stdout.on('error', () => {});
  const done = new Promise<void>((resolve, reject) => {
    const stderr: string[] = [];
    let commandLine = '';
    let child: ChildProcess | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    let stopReason: unknown;
    const failure = (message: string) =>
      new FfmpegError(message, { command: commandLine, stderr: stderr.join('\n') });

    const stop = (reason: unknown) => {
      stopReason ??= reason ?? new Error('stopped');
      if (child) killGroup(child, 'SIGTERM');
      killTimer ??= setTimeout(() => child && killGroup(child, 'SIGKILL'), KILL_AFTER_MS);
    };
    const onAbort = () => stop(job.signal.reason);
    const timeout = setTimeout(
      () => stop(failure(`ffmpeg took longer than ${job.timeoutMs} ms`)),
      job.timeoutMs,
    );
    const { silentMs } = job;
    const silence =
      silentMs && setTimeout(() => stop(failure(`ffmpeg wrote nothing for ${silentMs} ms`)), silentMs);
    if (silence) stdout.on('data', () => silence.refresh());
    const settle = (error?: Error) => {
      clearTimeout(timeout);
      if (silence) clearTimeout(silence);
      clearTimeout(killTimer);
      job.signal.removeEventListener('abort', onAbort);
      // The reason of the stop counts, not the exit code: on TERM ffmpeg exits with 255.
      const cause = stopReason ?? error;
      if (cause === undefined) return resolve();
      reject(cause);
      stdout.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    };

    // If no process can be started (too many open files), the library throws out of a timer.
    const spawnFfmpeg = internals._spawnFfmpeg.bind(command);
    internals._spawnFfmpeg = (args, options, ...callbacks) => {
      try {
        spawnFfmpeg(args, options, ...callbacks);
      } catch (error) {
        settle(failure(String(error)));
      }
    };
    job.signal.addEventListener('abort', onAbort, { once: true });
    if (job.signal.aborted) onAbort();
    command
      .on('stderr', (line: string) => {
        job.onStderr?.(line);
        stderr.push(line);
        if (stderr.length > STDERR_LINES) stderr.shift();
      })
      .on('start', (line: string) => {
        commandLine = line;
        child = internals.ffmpegProc;
        if (child?.pid !== undefined) job.onStart?.(child.pid);
        // The library's own listener throws (2.1.3, `stdoutRing` is not there yet), and that would end the server.
        child?.removeAllListeners('error');
        // Listen to the process itself: events of the library may come while it still runs.
        child?.once('error', (error) => settle(failure(error.message)));
        child?.once('exit', (code, signal) => {
          const ended = () => settle(code === 0 ? undefined : failure(`ffmpeg ended with ${signal ?? code}`));
          if (child?.stderr?.closed !== false) return ended();
          // The rest of its group would keep the pipes open.
          killGroup(child, 'SIGKILL');
          child.stderr.once('close', ended);
        });
        // Carry out a stop that came before there was a process.
        if (child && stopReason !== undefined) killGroup(child, 'SIGTERM');
      })
      .on('error', (error: Error) => {
        if (!child) settle(failure(error.message));
      });
    // The launcher creates the file, so that a sandbox can let it through.
    if (job.outputFile !== undefined) command.outputOptions('-y');
    if (job.outputFile === undefined) command.pipe(stdout, { end: true });
    else command.save(`file:${job.outputFile}`);
  });
  // The reader of stdout gets the error first; `done` must not count as unhandled meanwhile.
  done.catch(() => {});
  return { stdout, done };
}

/**
 * Checks that this ffmpeg has the muxers and encoders that are needed. Spares the first encode 0.2 s: fluent-ffmpeg asks once
 * per process for formats and encoders.
 *
 * @returns the name of what is missing, or null.
 */
export async function missingCapability(executable: string): Promise<string | null> {
  const { formats, encoders } = await capabilitiesOf(executable);
  if (!formats.mp4?.canMux) return 'the mp4 muxer';
  if (!formats.framecrc?.canMux) return 'the framecrc muxer';
  if (!encoders.aac) return 'the aac encoder';
  return null;
}

/** As `missingCapability`, of what covers need: the server does without them where there is none. */
export async function missingForCovers(executable: string): Promise<string | undefined> {
  const { formats, encoders } = await capabilitiesOf(executable);
  if (!formats.avi?.canMux) return 'the avi muxer';
  if (!encoders.mjpeg) return 'the mjpeg encoder';
  return undefined;
}

async function capabilitiesOf(executable: string) {
  const command = ffmpeg();
  (command as unknown as CommandInternals)._getFfmpegPath = (callback) => callback(null, executable);
  const [formats, encoders] = await Promise.all([
    new Promise<Record<string, { canMux: boolean } | undefined>>((resolve, reject) =>
      command.availableFormats((error, found) => (error ? reject(error) : resolve(found))),
    ),
    new Promise<Record<string, unknown>>((resolve, reject) =>
      command.availableEncoders((error, found) => (error ? reject(error) : resolve(found))),
    ),
  ]);
  return { formats, encoders };
}
