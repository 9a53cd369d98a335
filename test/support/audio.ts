/** Audio made in the test: PCM in code, every other format by ffmpeg from it. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { temporaryFolder } from './folders.ts';
import { copyOfFile, keyOf } from './made-once.ts';

const run = promisify(execFile);

export interface Sound {
  sampleRate: number;
  channels: number;
  /** Interleaved, 16 bits. */
  pcm: Int16Array;
}

/** White noise: a shift by one sample shows, and so does everything that is lost or played twice. */
export function noise(options: {
  samples: number;
  sampleRate?: number;
  channels?: number;
  seed?: number;
}): Sound {
  const { samples, sampleRate = 44_100, channels = 1, seed = 1 } = options;
  const pcm = new Int16Array(samples * channels);
  let state = seed * 2_654_435_761;
  for (let n = 0; n < pcm.length; n++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    pcm[n] = state >> 18;
  }
  return { sampleRate, channels, pcm };
}

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
 * How alike two stretches of white noise must be in the same place to be alike in no other. Another stretch of the noise is
 * like it by 0.12 at most (1,500 samples, 2,400 places), an angle of 83 degrees; what is within half of that of one is not
 * within half of that of the other.
 */
const SURELY_IN_PLACE = Math.cos((83 / 2) * (Math.PI / 180));

/**
 * By how many samples `actual` is late against the white noise `expected` around sample `at`: where the two are most alike.
 * Searches only where they are not surely in place.
 */
export function lagAt(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  at: number,
  { window = 1500, reach = 1200 } = {},
): number {
  if (likeness(actual, expected, { at, window }) > SURELY_IN_PLACE) return 0;
  return searchLag(actual, expected, at, { window, reach });
}

/** How like two stretches are, however loud: 1 where they are the same. */
export function likeness(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { at, window }: { at: number; window: number },
): number {
  let [product, mine, theirs] = [0, 0, 0];
  for (let n = at; n < at + window; n++) {
    const [a, b] = [actual[n] ?? 0, expected[n] ?? 0];
    product += a * b;
    mine += a * a;
    theirs += b * b;
  }
  return product / Math.sqrt(mine * theirs || 1);
}

function searchLag(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  at: number,
  { window, reach }: { window: number; reach: number },
): number {
  let best = Number.NEGATIVE_INFINITY;
  let lag = Number.NaN;
  for (let shift = -reach; shift <= reach; shift++) {
    let likeness = 0;
    for (let n = at; n < at + window; n++) likeness += (actual[n + shift] ?? 0) * (expected[n] ?? 0);
    if (likeness > best) {
      best = likeness;
      lag = shift;
    }
  }
  return lag;
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
