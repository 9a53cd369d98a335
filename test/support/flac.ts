/** FLAC files taken apart and put together again, as encoders that nobody uses any more made them (RFC 9639). */

function crc(bytes: Buffer, polynomial: number, bits: 8 | 16): number {
  const [top, mask] = [1 << (bits - 1), 2 ** bits - 1];
  let value = 0;
  for (const byte of bytes) {
    value ^= byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) value = ((value << 1) ^ (value & top ? polynomial : 0)) & mask;
  }
  return value;
}

/** A frame number as UTF-8 would code it. */
function coded(number: number): Buffer {
  if (number < 0x80) return Buffer.from([number]);
  let [rest, lead] = [number, 0x3f];
  const tail: number[] = [];
  for (; rest > lead; lead >>= 1) {
    tail.unshift(0x80 | (rest & 0x3f));
    rest = Math.floor(rest / 64);
  }
  return Buffer.from([(0xfe & ~(lead * 2 + 1)) | rest, ...tail]);
}

export interface FlacParts {
  /** `fLaC` and all metadata blocks. */
  header: Buffer;
  frames: Buffer[];
}

/** @param blockSize of all frames but the last, which are numbered one by one. */
export function flacParts(flac: Buffer): FlacParts {
  let at = 4;
  for (let isLast = false; !isLast; at += 4 + flac.readUIntBE(at + 1, 3)) isLast = (flac[at] ?? 0) >= 0x80;
  const starts = [at];
  const code = flac.subarray(at, at + 4);
  for (let number = 1; ; number++) {
    const next = flac.indexOf(Buffer.concat([code, coded(number)]), starts.at(-1));
    // The last frame has another block size.
    if (next === -1) break;
    starts.push(next);
  }
  const last = flac.indexOf(code.subarray(0, 2), (starts.at(-1) ?? 0) + 6);
  if (last !== -1) starts.push(last);
  const frames = starts.map((start, n) => flac.subarray(start, starts[n + 1] ?? flac.length));
  return { header: flac.subarray(0, at), frames };
}

/** The frame with another number. */
function renumbered(frame: Buffer, from: number, to: number): Buffer {
  const old = coded(from);
  // Block size and sample rate may take bytes of their own behind the number, before the CRC-8.
  const extra = { 6: 1, 7: 2 }[(frame[2] ?? 0) >> 4] ?? 0;
  const head = Buffer.concat([
    frame.subarray(0, 4),
    coded(to),
    frame.subarray(4 + old.length, 4 + old.length + extra),
  ]);
  const body = frame.subarray(4 + old.length + extra + 1, -2);
  const whole = Buffer.concat([head, Buffer.from([crc(head, 0x07, 8)]), body]);
  const checksum = crc(whole, 0x8005, 16);
  return Buffer.concat([whole, Buffer.from([checksum >> 8, checksum & 0xff])]);
}

/** Frames number their first samples, although they say that they number frames: every time stamp is a multiple too large. */
export function numberedBySamples({ header, frames }: FlacParts, blockSize: number): Buffer {
  return Buffer.concat([header, ...frames.map((frame, n) => renumbered(frame, n, n * blockSize))]);
}

/** STREAMINFO that declares another length. */
export function withTotalSamples(flac: Buffer, samples: number): Buffer {
  const bytes = Buffer.from(flac);
  bytes[21] = ((bytes[21] ?? 0) & 0xf0) | Math.floor(samples / 2 ** 32);
  bytes.writeUInt32BE(samples % 2 ** 32, 22);
  return bytes;
}

/** So many Vorbis comments, each different, before the audio. */
export function withComments({ header, frames }: FlacParts, count: number): Buffer {
  const comments = Buffer.alloc(16 * count);
  let end = 0;
  for (let n = 0; n < count; n++) {
    const length = comments.write(`K${n}=v`, end + 4, 'latin1');
    comments.writeUInt32LE(length, end);
    end += 4 + length;
  }
  const counts = Buffer.alloc(8);
  counts.writeUInt32LE(count, 4);
  const content = Buffer.concat([counts, comments.subarray(0, end)]);
  const blockHeader = Buffer.alloc(4);
  blockHeader.writeUInt32BE(content.length);
  blockHeader[0] = 0x84;
  const streamInfo = Buffer.from(header.subarray(0, 42));
  streamInfo[4] = 0;
  return Buffer.concat([streamInfo, blockHeader, content, ...frames]);
}
