/** Makes ID3 and APE tags by hand, as programs other than ffmpeg write them. */

type Frames = readonly (readonly [id: string, body: Buffer])[];

/** An ID3v2 tag (id3.org, versions 2.2, 2.3 and 2.4). */
export function id3v2(version: 2 | 3 | 4, frames: Frames): Buffer {
  const body = Buffer.concat(
    frames.map(([id, content]) => {
      const header = Buffer.alloc(version === 2 ? 6 : 10);
      header.write(id, 'latin1');
      if (version === 2) header.writeUIntBE(content.length, 3, 3);
      else if (version === 3) header.writeUInt32BE(content.length, 4);
      else synchsafe(content.length).copy(header, 4);
      return Buffer.concat([header, content]);
    }),
  );
  return Buffer.concat([Buffer.from('ID3'), Buffer.from([version, 0, 0]), synchsafe(body.length), body]);
}

/** A text frame in Latin-1, UTF-16 with a byte order mark, or UTF-8. */
export function textFrame(text: string, encoding: 'latin1' | 'utf16le' | 'utf8' = 'latin1'): Buffer {
  const first = Buffer.from({ latin1: [0], utf16le: [1, 0xff, 0xfe], utf8: [3] }[encoding]);
  return Buffer.concat([first, Buffer.from(text, encoding)]);
}

/** A comment frame: a language, a description and a text, in Latin-1. */
export function commentFrame(description: string, text: string): Buffer {
  return Buffer.from(`\0eng${description}\0${text}`, 'latin1');
}

/** A chapter with a title (ID3v2 Chapter Frame Addendum). */
export function chapterFrame(id: string, startMs: number, endMs: number, title: string): Buffer {
  const times = Buffer.alloc(16, 0xff);
  times.writeUInt32BE(startMs, 0);
  times.writeUInt32BE(endMs, 4);
  const frame = textFrame(title, 'utf8');
  const header = Buffer.alloc(10);
  header.write('TIT2', 'latin1');
  synchsafe(frame.length).copy(header, 4);
  return Buffer.concat([Buffer.from(`${id}\0`, 'latin1'), times, header, frame]);
}

/** An ID3v1.1 tag, which stands at the end of a file. */
export function id3v1(tags: {
  title: string;
  artist: string;
  album: string;
  year: string;
  track: number;
}): Buffer {
  const tag = Buffer.alloc(128);
  tag.write('TAG', 0, 'latin1');
  tag.write(tags.title, 3, 30, 'latin1');
  tag.write(tags.artist, 33, 30, 'latin1');
  tag.write(tags.album, 63, 30, 'latin1');
  tag.write(tags.year, 93, 4, 'latin1');
  tag[126] = tags.track;
  tag[127] = 17;
  return tag;
}

/** Appends a list of RIFF INFO to a WAV, in Latin-1. */
export function withRiffInfo(wav: Buffer, items: Record<string, string>): Buffer {
  const chunk = (id: string, content: Buffer) => {
    const head = Buffer.alloc(8);
    head.write(id, 'latin1');
    head.writeUInt32LE(content.length, 4);
    return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
  };
  const texts = Object.entries(items).map(([id, text]) => chunk(id, Buffer.from(`${text}\0`, 'latin1')));
  const whole = Buffer.concat([wav, chunk('LIST', Buffer.concat([Buffer.from('INFO'), ...texts]))]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** An APEv2 tag with a footer alone, as it stands at the end of a file. */
export function ape(items: Record<string, string>): Buffer {
  const body = Buffer.concat(
    Object.entries(items).map(([key, text]) => {
      const value = Buffer.from(text, 'utf8');
      const head = Buffer.alloc(8);
      head.writeUInt32LE(value.length, 0);
      return Buffer.concat([head, Buffer.from(`${key}\0`, 'latin1'), value]);
    }),
  );
  const footer = Buffer.alloc(32);
  footer.write('APETAGEX', 'latin1');
  footer.writeUInt32LE(2000, 8);
  footer.writeUInt32LE(body.length + 32, 12);
  footer.writeUInt32LE(Object.keys(items).length, 16);
  return Buffer.concat([body, footer]);
}

function synchsafe(value: number): Buffer {
  return Buffer.from([(value >> 21) & 127, (value >> 14) & 127, (value >> 7) & 127, value & 127]);
}
