/** Pictures, and audio files that carry them in the ways of their formats. */
import { randomFillSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import { audioFile, ffmpeg, noise } from './audio.ts';
import { temporaryFolder } from './folders.ts';

const fixtures = fileURLToPath(new URL('../fixtures/pictures/', import.meta.url));

/** Pictures of 32 x 24 pixels: red with a blue quarter at the top left; in animated ones a green one follows. */
export const drawn = (name: string): Promise<Buffer> => readFile(path.join(fixtures, name));

/** Colours that a decoded picture has in its quarters: top left, top right, bottom left. */
export async function coloursOf(jpeg: Buffer): Promise<string[]> {
  const file = path.join(await temporaryFolder(), 'picture.jpg');
  await writeFile(file, jpeg);
  const rgb = await ffmpeg([
    '-i',
    file,
    '-vf',
    'scale=4:4:flags=area',
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgb24',
    'pipe:1',
  ]);
  return [0, 3, 12].map((pixel) => nameOf(rgb.subarray(pixel * 3)));
}

function nameOf([red = 0, green = 0, blue = 0]: Buffer): string {
  if (Math.min(red, green, blue) > 200) return 'white';
  if (Math.max(red, green, blue) < 60) return 'black';
  return red > 150 ? 'red' : blue > 150 ? 'blue' : 'other';
}

/** Returns width and height of a JPEG, from its frame header (ITU-T T.81 section B.2.2). */
export function sizeOf(jpeg: Buffer): [width: number, height: number] {
  for (let at = 2; at + 9 < jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const marker = jpeg[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)];
  }
  throw new Error('this is no JPEG');
}

/** Makes a PNG of one grey plane (W3C PNG section 11). @param isNoise for one that does not get smaller. */
export function png(width: number, height: number, { isNoise = false } = {}): Buffer {
  const bits = isNoise ? 8 : 1;
  const rows = Buffer.alloc(height * (1 + Math.ceil((width * bits) / 8)), 0);
  const rowBytes = rows.length / height;
  if (isNoise) for (let at = 0; at < height; at++) randomFillSync(rows, at * rowBytes + 1, rowBytes - 1);
  const header = Buffer.concat([u32(width), u32(height), Buffer.from([bits, 0, 0, 0, 0])]);
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    return Buffer.concat([u32(data.length), named, u32(crc32(named))]);
  };
  return Buffer.concat([
    ...[Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header)],
    ...[chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))],
  ]);
}

/** FLAC's block of a picture (RFC 9639 section 8.8), which Vorbis comments carry in base64. @param type 3 is the front cover. */
function pictureBlock(picture: Buffer, type = 3): Buffer {
  const text = (words: string) => [u32(words.length), Buffer.from(words)];
  return Buffer.concat([
    ...[u32(type), ...text('image/png'), ...text('')],
    ...[u32(0), u32(0), u32(24), u32(0), u32(picture.length), picture],
  ]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const sound = noise({ samples: 4410 });

/** Formats that ffmpeg attaches pictures to, with the options that it takes. */
const BY_FFMPEG: Record<string, string[]> = {
  mp3: ['-id3v2_version', '3'],
  m4a: ['-c:a', 'aac'],
  flac: [],
  aiff: ['-write_id3v2', '1'],
};

/**
 * Writes an audio file with a picture.
 *
 * @param format ending of its name; `id3v22` is an MP3 with tags of ID3v2.2.
 */
export async function audioWithPicture(format: string, picture: Buffer): Promise<string> {
  const folder = await temporaryFolder();
  const file = (name: string) => path.join(folder, name);
  const attach = BY_FFMPEG[format];
  if (attach) {
    const [audio, cover] = [await audioFile('song.wav', sound), file('cover')];
    await writeFile(cover, picture);
    const streams = ['-map', '0', '-map', '1', '-c:v', 'copy', '-disposition:v', 'attached_pic'];
    await ffmpeg(['-i', audio, '-i', cover, ...streams, ...attach, file(`song.${format}`)]);
    return file(`song.${format}`);
  }
  const plain = async (name: string, options: string[] = []) =>
    readFile(await audioFile(name, sound, options));
  const made: Record<string, () => Promise<Buffer>> = {
    async id3v22() {
      // ID3v2.2 section 4.15: encoding, format, type, description, data.
      const body = Buffer.concat([Buffer.from('\0PNG\x03\0', 'latin1'), picture]);
      const frame = Buffer.concat([Buffer.from('PIC'), u32(body.length).subarray(1), body]);
      const size = [21, 14, 7, 0].map((shift) => (frame.length >> shift) & 0x7f);
      const header = Buffer.concat([Buffer.from('ID3\x02\0\0', 'latin1'), Buffer.from(size)]);
      return Buffer.concat([header, frame, await plain('song.mp3', ['-id3v2_version', '0'])]);
    },
    async wv() {
      // APEv2: an item, and a footer.
      const value = Buffer.concat([Buffer.from('cover.png\0'), picture]);
      const item = Buffer.concat([Buffer.alloc(8), Buffer.from('Cover Art (Front)\0'), value]);
      item.writeUInt32LE(value.length, 0);
      item.writeUInt32LE(2, 4);
      const footer = Buffer.alloc(32);
      footer.write('APETAGEX');
      footer.writeUInt32LE(2000, 8);
      footer.writeUInt32LE(item.length + footer.length, 12);
      footer.writeUInt32LE(1, 16);
      return Buffer.concat([await plain('song.wv'), item, footer]);
    },
    async wma() {
      // ASF section 3.11: an extended content description with one attribute, WM/Picture.
      const value = Buffer.concat([Buffer.alloc(5), utf16('image/png'), utf16(''), picture]);
      value.writeUInt8(3, 0);
      value.writeUInt32LE(picture.length, 1);
      const name = utf16('WM/Picture');
      const [count, sizes] = [Buffer.from([1, 0]), Buffer.alloc(4)];
      const nameLength = Buffer.alloc(2);
      nameLength.writeUInt16LE(name.length);
      sizes.writeUInt16LE(1, 0);
      sizes.writeUInt16LE(value.length, 2);
      const content = Buffer.concat([count, nameLength, name, sizes, value]);
      const head = Buffer.alloc(24);
      Buffer.from('40a4d0d207e3d21197f000a0c95ea850', 'hex').copy(head);
      head.writeBigUInt64LE(BigInt(head.length + content.length), 16);
      const object = Buffer.concat([head, content]);
      const asf = await plain('song.wma');
      asf.writeBigUInt64LE(asf.readBigUInt64LE(16) + BigInt(object.length), 16);
      asf.writeUInt32LE(asf.readUInt32LE(24) + 1, 24);
      return Buffer.concat([asf.subarray(0, 30), object, asf.subarray(30)]);
    },
  };
  const make = made[format];
  if (make) {
    await writeFile(file('song'), await make());
    return file('song');
  }
  if (format === 'mka') {
    const [audio, cover] = [await audioFile('song.wav', sound), file('cover.png')];
    await writeFile(cover, picture);
    await ffmpeg(['-i', audio, '-attach', cover, '-metadata:s:t', 'mimetype=image/png', file('song.mka')]);
    return file('song.mka');
  }
  const comment = `METADATA_BLOCK_PICTURE=${pictureBlock(picture).toString('base64')}`;
  return audioFile(`song.${format}`, sound, ['-metadata:s:a', comment]);
}

function utf16(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le');
}
