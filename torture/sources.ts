/** Makes intact files of every supported format with ffmpeg, some seconds each. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SourceFile {
  name: string;
  bytes: Buffer;
}

/** Name, seconds, and options of ffmpeg. */
const FORMATS: [name: string, seconds: number, ...options: string[]][] = [
  ['cbr.mp3', 5, '-b:a', '96k'],
  ['vbr.mp3', 3, '-q:a', '5'],
  ['plain.mp3', 2, '-write_xing', '0', '-id3v2_version', '0'],
  ['pcm.wav', 0.6],
  ['float.wav', 0.4, '-c:a', 'pcm_f32le'],
  ['adpcm.wav', 2, '-c:a', 'adpcm_ms'],
  ['raw.aac', 4],
  ['aac.m4a', 6],
  ['fast.m4a', 3, '-movflags', '+faststart'],
  ['fragments.mp4', 3, '-c:a', 'aac', '-movflags', '+frag_keyframe+empty_moov'],
  ['alac.m4a', 1, '-c:a', 'alac'],
  ['lossless.flac', 1],
  ['vorbis.ogg', 5, '-c:a', 'libvorbis'],
  ['opus.opus', 4, '-c:a', 'libopus'],
  ['pcm.aiff', 0.5],
  ['windows.wma', 4],
  ['opus.webm', 4, '-c:a', 'libopus'],
  ['vorbis.mka', 3, '-c:a', 'libvorbis'],
  ['mp3.avi', 3, '-c:a', 'libmp3lame'],
  ['aac.ts', 3, '-c:a', 'aac', '-f', 'mpegts'],
  // Large enough to be encoded while it arrives slowly.
  ['high.mp3', 8, '-b:a', '320k'],
];

/** Makes files that ffmpeg does not recognise, from the others. */
const FOREIGN: [name: string, source: string, change: (bytes: Buffer) => Buffer][] = [
  ['behind-garbage.mp3', 'plain.mp3', (bytes) => Buffer.concat([Buffer.alloc(5000, 0xde), bytes])],
  ['behind-garbage.aac', 'raw.aac', (bytes) => Buffer.concat([Buffer.alloc(5000, 0xad), bytes])],
  ['headless.flac', 'lossless.flac', (bytes) => bytes.subarray(bytes.indexOf(Buffer.from([0xff, 0xf8])))],
];

/** Makes all sources. @param folder to write them to. */
export async function makeSources(folder: string, count = FORMATS.length): Promise<SourceFile[]> {
  const sources: SourceFile[] = [];
  for (const [name, seconds, ...options] of FORMATS.slice(0, count)) {
    const file = path.join(folder, name);
    const sound = `anoisesrc=d=${seconds}:r=44100:a=0.3:seed=7`;
    await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', sound, '-ac', '2', ...options, file]);
    sources.push({ name, bytes: await readFile(file) });
  }
  for (const [name, sourceName, change] of FOREIGN) {
    const source = sources.find((made) => made.name === sourceName);
    if (source) sources.push({ name, bytes: change(source.bytes) });
  }
  return sources;
}
