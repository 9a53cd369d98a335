/** QuickTime files whose index names far more than their bytes hold, made in code (ISO/IEC 14496-12 clause 8). */

function box(type: string, ...content: Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + content.reduce((sum, { length }) => sum + length, 0));
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, ...content]);
}

/** 32-bit numbers, one after the other. */
function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value, 4 * n);
  return bytes;
}

export interface IndexedMov {
  /** The media: one chunk. */
  chunk: Buffer;
  /** How often the index names that chunk. */
  chunks: number;
  samplesPerChunk: number;
  /** Bytes of one sample. */
  sampleBytes: number;
  /** How long each sample lasts, in units of 1/`sampleRate` seconds. */
  sampleDuration: number;
  /** Such as `sowt`: 16 bits, little-endian. */
  codec: string;
  sampleRate: number;
  channels: number;
}

export function indexedMov(mov: IndexedMov): Buffer {
  const { chunk, chunks, samplesPerChunk, sampleRate, channels } = mov;
  const samples = chunks * samplesPerChunk;
  const duration = Math.min(0xff_ff_ff_ff, samples * mov.sampleDuration);
  const fileType = box('ftyp', Buffer.from('qt  \0\0\0\0qt  ', 'latin1'));
  const data = box('mdat', chunk);
  const entry = Buffer.alloc(28);
  entry.writeUInt16BE(1, 6);
  entry.writeUInt16BE(channels, 16);
  entry.writeUInt16BE(16, 18);
  entry.writeUInt16BE(sampleRate, 24);
  const matrix = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
  const offsets = Buffer.alloc(4 * chunks);
  for (let n = 0; n < chunks; n++) offsets.writeUInt32BE(fileType.length + 8, 4 * n);
  const table = box(
    'stbl',
    box('stsd', words(0, 1), box(mov.codec, entry)),
    box('stts', words(0, 1, samples, mov.sampleDuration)),
    box('stsc', words(0, 1, 1, samplesPerChunk, 1)),
    box('stsz', words(0, mov.sampleBytes, samples)),
    box('stco', words(0, chunks), offsets),
  );
  const media = box(
    'mdia',
    box('mdhd', words(0, 0, 0, sampleRate, duration, 0x55c40000)),
    box('hdlr', words(0), Buffer.from('mhlrsoun'), Buffer.alloc(13)),
    box(
      'minf',
      box('smhd', words(0, 0)),
      box('dinf', box('dref', words(0, 1), box('url ', words(1)))),
      table,
    ),
  );
  const track = box(
    'trak',
    box('tkhd', words(7, 0, 0, 1, 0, duration, 0, 0, 0, 0x01000000), matrix, words(0, 0)),
    media,
  );
  const movieHeader = box(
    'mvhd',
    words(0, 0, 0, sampleRate, duration, 0x10000, 0x01000000, 0, 0),
    matrix,
    Buffer.alloc(24),
    words(2),
  );
  return Buffer.concat([fileType, data, box('moov', movieHeader, track)]);
}
