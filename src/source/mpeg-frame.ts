/**
 * Reads frame headers of MPEG audio, layers I to III (11172-3 clause 2.4.2.3, 13818-3), and of ADTS (14496-3 clause
 * 1.A.2.2). Pure.
 */

export interface FrameHeader {
  /** Bytes of the whole frame. */
  bytes: number;
  /** The header bits that are equal in all frames of a stream. */
  constantBits: number;
}

/** Bit rates in kbit/s by layer and index. Index 0 (free format) is not supported; 15 is forbidden. */
const MPEG1_RATES: Record<number, readonly number[]> = {
  1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
};
const MPEG2_LAYER1_RATES = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
const MPEG2_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/** Sample rates of MPEG-1 in Hz. */
const SAMPLE_RATES = [44_100, 48_000, 32_000];
/** Divisors of the sample rate by version: MPEG-2.5, reserved, MPEG-2, MPEG-1. */
const RATE_DIVISORS = [4, 0, 2, 1];
const MPEG_HEADER_BYTES = 4;
/** Mask of sync word, version, layer and sampling frequency. */
const MPEG_CONSTANT_BITS = 0xff_fe_0c_00;

/** Reads the frame header of MPEG audio at `at`. Returns undefined if there is none. */
export function readMpegHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (at + MPEG_HEADER_BYTES > bytes.length) return undefined;
  const header = bytes.readUInt32BE(at);
  if (header >>> 21 !== 0x7ff) return undefined;
  const divisor = RATE_DIVISORS[(header >>> 19) & 3] ?? 0;
  const layer = 4 - ((header >>> 17) & 3);
  const sampleRate = SAMPLE_RATES[(header >>> 10) & 3];
  const isEmphasisReserved = (header & 3) === 2;
  if (divisor === 0 || layer === 4 || sampleRate === undefined || isEmphasisReserved) return undefined;
  const isMpeg1 = divisor === 1;
  const rates = isMpeg1 ? MPEG1_RATES[layer] : layer === 1 ? MPEG2_LAYER1_RATES : MPEG2_RATES;
  const bitRate = 1000 * (rates?.[(header >>> 12) & 15] ?? 0);
  if (bitRate === 0) return undefined;
  const padding = (header >>> 9) & 1;
  const rate = sampleRate / divisor;
  const frameBytes =
    layer === 1
      ? 4 * (Math.floor((12 * bitRate) / rate) + padding)
      : Math.floor(((layer === 3 && !isMpeg1 ? 72 : 144) * bitRate) / rate) + padding;
  return { bytes: frameBytes, constantBits: (header & MPEG_CONSTANT_BITS) >>> 0 };
}

const ADTS_HEADER_BYTES = 7;
/** Mask of sync word, ID, layer, profile, sampling frequency index and channel configuration. */
const ADTS_CONSTANT_BITS = 0xff_fe_fd_c0;
const ADTS_SAMPLE_RATES = 13;

/** Reads the ADTS header at `at`. Returns undefined if there is none. */
export function readAdtsHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (at + ADTS_HEADER_BYTES > bytes.length) return undefined;
  const header = bytes.readUInt32BE(at);
  const isSynced = header >>> 20 === 0xfff && ((header >>> 17) & 3) === 0;
  if (!isSynced || ((header >>> 10) & 15) >= ADTS_SAMPLE_RATES) return undefined;
  // 13 bits, beginning with the last two of the fourth byte.
  const frameBytes = (bytes.readUIntBE(at + 3, 3) >>> 5) & 0x1fff;
  if (frameBytes <= ADTS_HEADER_BYTES) return undefined;
  return { bytes: frameBytes, constantBits: (header & ADTS_CONSTANT_BITS) >>> 0 };
}
