/** Files that mean harm, made in code. */
import { noise, wav } from './audio.ts';

/** An ID3v2.4 tag of that many bytes of nothing, as may stand before an MP3. */
export function id3(size = 64): Buffer {
  const header = Buffer.from('ID3\x04\x00\x00\x00\x00\x00\x00', 'latin1');
  header[8] = size >> 7;
  header[9] = size & 0x7f;
  return Buffer.concat([header, Buffer.alloc(size)]);
}

/** Text in formats that name other files or addresses, by the format's name. */
export function playlists(target: string): Record<string, string> {
  return {
    m3u8: `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${target}\n#EXT-X-ENDLIST\n`,
    ffconcat: `ffconcat version 1.0\nfile '${target}'\n`,
    MPD: `<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1"><BaseURL>${target}</BaseURL><SegmentList duration="9"><SegmentURL media="${target}"/></SegmentList></Representation></AdaptationSet></Period></MPD>\n`,
    SDP: `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=x:${target}\nm=audio 9 RTP/AVP 0\n`,
    XBIN: `XBIN\x1a\x50\x00\x19\x00\x10\x00${target}`,
    'a list of images': `${target}\n${target}\n`,
  };
}

/** A box of ISO/IEC 14496-12. */
function box(type: string, ...content: Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + content.reduce((sum, { length }) => sum + length, 0));
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, ...content]);
}

/** Puts another data reference (8.7.2) into an M4A whose index comes last, so that no offset changes. */
export function withDataReference(m4a: Buffer, entry: Buffer): Buffer {
  const at = m4a.indexOf('dref', 0, 'latin1') - 4;
  const size = m4a.readUInt32BE(at);
  const reference = box('dref', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), entry);
  const grown = reference.length - size;
  const patched = Buffer.concat([m4a.subarray(0, at), reference, m4a.subarray(at + size)]);
  for (const parent of ['moov', 'trak', 'mdia', 'minf', 'dinf']) {
    const start = m4a.indexOf(parent, m4a.indexOf('moov', 0, 'latin1'), 'latin1') - 4;
    patched.writeUInt32BE(m4a.readUInt32BE(start) + grown, start);
  }
  return patched;
}

/** The media is at an address, not in this file. */
export const urlReference = (url: string) => box('url ', Buffer.alloc(4), Buffer.from(`${url}\0`));

/** An alias of QuickTime: the media is in another file of this machine. */
export function aliasReference(path: string): Buffer {
  const alias = Buffer.alloc(150);
  alias.writeUInt16BE(2, 4);
  const tail = Buffer.alloc(4 + path.length + (path.length % 2));
  // Type 18: the path in POSIX form.
  tail.writeInt16BE(18, 0);
  tail.writeUInt16BE(path.length, 2);
  tail.write(path, 4);
  return box('alis', Buffer.alloc(4), alias, tail, Buffer.from([0xff, 0xff, 0, 0]));
}

/** A WAV file whose header declares four gigabytes. */
export function hugeRiff(samples: number): Buffer {
  const bytes = wav(noise({ samples }));
  bytes.writeUInt32LE(0xff_ff_ff_ff, 4);
  bytes.writeUInt32LE(0xff_ff_ff_d0, 40);
  return bytes;
}

/** An MP3 whose Xing header counts a billion frames. */
export function lyingXing(mp3: Buffer): Buffer {
  const bytes = Buffer.from(mp3);
  const at = ['Xing', 'Info'].map((tag) => bytes.indexOf(tag, 0, 'latin1')).find((found) => found > 0) ?? 0;
  if (at === 0) throw new Error('the file has no Xing header');
  bytes.writeUInt32BE(1_000_000_000, at + 8);
  return bytes;
}
