/** Makes the sources of the measurements with ffmpeg, in their own folder. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function ffmpeg(args: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}

/** Pink noise with a slow tremolo: no silence, and not equally hard for an encoder everywhere. */
const sound = (seconds: number, rate: number) =>
  `anoisesrc=d=${seconds}:r=${rate}:color=pink:seed=4:a=0.4,tremolo=f=0.3:d=0.6`;

export interface Inputs {
  folder: string;
  /** Makes an MP3 with a header. Repeats one minute, which is fast for any length. */
  mp3(name: string, minutes: number, bitRate?: '128k' | '320k'): Promise<string>;
  /** Makes a FLAC, mono at 22.05 kHz and soft, so that ten hours stay below a gigabyte. */
  flac(name: string, minutes: number): Promise<string>;
  /** Makes a silent FLAC: its segments take 1 to 2 kB. */
  silence(name: string, minutes: number): Promise<string>;
  /** Makes a WAV of 96 kHz, stereo, 32-bit float. */
  wav(name: string, bytes: number): Promise<string>;
}

export function createInputs(folder: string): Inputs {
  let seed = 100;
  const at = (name: string) => path.join(folder, name);
  return {
    folder,
    async mp3(name, minutes, bitRate = '128k') {
      // Another seed each time, for equal bytes would be the same track.
      const minute = at(`minute-${name}.mp3`);
      const source = sound(60, 44_100).replace('seed=4', `seed=${++seed}`);
      await ffmpeg(['-f', 'lavfi', '-i', source, '-ac', '2', '-b:a', bitRate, minute]);
      const list = at(`list-${name}.txt`);
      await writeFile(list, `file '${minute}'\n`.repeat(minutes));
      await ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', at(name)]);
      return at(name);
    },
    async flac(name, minutes) {
      const minute = at(`minute-${name}.wav`);
      await ffmpeg(['-f', 'lavfi', '-i', `${sound(60, 22_050)},volume=-30dB`, '-ac', '1', minute]);
      const loops = ['-stream_loop', String(minutes - 1), '-i', minute];
      await ffmpeg([...loops, '-c:a', 'flac', '-compression_level', '0', at(name)]);
      return at(name);
    },
    async silence(name, minutes) {
      await ffmpeg(['-f', 'lavfi', '-i', `anullsrc=r=44100:cl=stereo:d=${minutes * 60}`, at(name)]);
      return at(name);
    },
    async wav(name, bytes) {
      const second = at(`second-${name}.wav`);
      const format = ['-ac', '2', '-c:a', 'pcm_f32le'];
      await ffmpeg(['-f', 'lavfi', '-i', sound(1, 96_000), ...format, second]);
      const seconds = Math.floor(bytes / (96_000 * 2 * 4));
      await ffmpeg(['-stream_loop', String(seconds - 1), '-i', second, '-c', 'copy', at(name)]);
      return at(name);
    },
  };
}
