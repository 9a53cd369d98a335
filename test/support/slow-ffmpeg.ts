/** An ffmpeg that reads no faster than so many times real time, one that halts, and one that fails when it is told to. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder } from './folders.ts';

/** @returns its path, for FFMPEG_PATH. */
export async function slowFfmpeg(timesRealTime: number): Promise<string> {
  return script(`exec ffmpeg -readrate ${timesRealTime} "$@"`);
}

/** An ffmpeg that writes so many bytes, and then nothing more. */
export async function haltingFfmpeg(bytes: number): Promise<string> {
  return script(`ffmpeg "$@" | head -c ${bytes}; exec sleep 1000`);
}

/**
 * An ffmpeg whose encodes fail as long as there are lines in the file `failures`; each failure takes one away. The
 * server's own test of it succeeds. For SANDBOX=off: it needs that file.
 */
export async function failingFfmpeg(): Promise<{ executable: string; failures: string }> {
  const failures = path.join(await temporaryFolder(), 'failures');
  await writeFile(failures, '');
  const executable = await script(`
case "$*" in *self-test*) ;; *frag_duration*)
  if [ -s ${failures} ]; then sed -i 1d ${failures}; echo "no luck" >&2; exit 3; fi
esac
exec ffmpeg "$@"`);
  return { executable, failures };
}

async function script(body: string): Promise<string> {
  const file = path.join(await temporaryFolder(), 'ffmpeg');
  // The version is asked for before there is an input, and takes no other option.
  await writeFile(
    file,
    `#!/bin/sh\ncase "$*" in *-version*|-formats|-encoders) exec ffmpeg "$@";; esac\n${body}\n`,
  );
  await chmod(file, 0o755);
  return file;
}
