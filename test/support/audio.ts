/** Audio made in the test: PCM in code, every other format by ffmpeg from it. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { temporaryFolder } from './folders.ts';
import { copyOfFile, keyOf } from './made-once.ts';
import { noise, type Sound } from './noise.ts';

const run = promisify(execFile);

export { noise, type Sound };

export function wav({ sampleRate, channels, pcm }: Sound): Buffer {
  const data = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

/**
 * Writes a sound as a file of any format. The name's ending decides, unless `options` say more; they name no file. Each sound
 * is encoded once by each ffmpeg.
 */
export async function audioFile(
  name: string,
  sound: Sound,
  options: readonly string[] = [],
): Promise<string> {
  const folder = await temporaryFolder();
  const file = path.join(folder, name);
  if (name.endsWith('.wav') && options.length === 0) {
    await writeFile(file, wav(sound));
    return file;
  }
  const made = [path.extname(name), ...options];
  const key = keyOf(inject('ffmpegKey'), made.length, ...made, sound.sampleRate, sound.channels, sound.pcm);
  await copyOfFile({ folder: inject('inputsFolder'), key, target: file }, async () => {
    const source = path.join(folder, 'source.wav');
    await writeFile(source, wav(sound));
    await ffmpeg(['-i', source, ...options, '-flags', '+bitexact', file]);
  });
  return file;
}

export async function ffmpeg(args: readonly string[]): Promise<Buffer> {
  // However much of a damaged file does not decode, the rest is wanted.
  const always = ['-nostdin', '-v', 'error', '-y', '-max_error_rate', '1'];
  const { stdout } = await run('ffmpeg', [...always, ...args], {
    encoding: 'buffer',
    maxBuffer: 1024 ** 3,
  });
  return stdout;
}

/** Decodes to interleaved 16-bit samples. */
export async function decode(file: string, options: readonly string[] = []): Promise<Int16Array> {
  const bytes = await ffmpeg(['-i', file, '-map', '0:a:0', ...options, '-f', 's16le', 'pipe:1']);
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)));
}

/**
 * Constant-rate MP3 of any length in no time: the same twelve seconds, over and over. Long enough to be caught in the
 * middle of its processing.
 */
export async function longMp3(minutes: number): Promise<Buffer> {
  const options = ['-b:a', '64k', '-write_xing', '0', '-id3v2_version', '0'];
  const stretch = await readFile(await audioFile('stretch.mp3', noise({ samples: 12 * 44_100 }), options));
  return Buffer.concat(Array.from({ length: minutes * 5 }, () => stretch));
}
