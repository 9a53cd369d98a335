/** Sends a file to a bucket in parts, while its bytes still come. */
import type { FileHandle } from 'node:fs/promises';
import type { Slots } from '../concurrency/slots.ts';
import type { Durability } from './arriving-file.ts';
import type { Bucket } from './s3-bucket.ts';
import type { Multipart, Multiparts } from './s3-multipart.ts';

const PART_BYTES = 8 * 1024 ** 2;
/** Parts of one file on their way at the same time. */
const LANES = 2;

export interface SendingOptions {
  key: string;
  bucket: Bucket;
  multiparts: Multiparts;
  /** Limits the parts in memory, among all files. */
  partSlots: Slots;
}

/**
 * Creates the sending of a file. A part is read from the file when its turn comes, so the memory does not grow with the lag of the
 * server. A file of one part is one PUT. Where the server refuses a part, the next write throws.
 *
 * @param handle of the file, open for reading.
 */
export function sendToBucket(
  handle: FileHandle,
  { key, bucket, multiparts, partSlots }: SendingOptions,
): Durability {
  const stop = new AbortController();
  const { signal } = stop;
  const lanes = Array.from({ length: LANES }, () => Promise.resolve());
  const tags: string[] = [];
  let multipart: Promise<Multipart> | undefined;
  let bytes = 0;
  /** Parts that were given to a lane. */
  let parts = 0;
  let settled: Promise<void> | undefined;

  const read = async (offset: number, length: number): Promise<Buffer> => {
    const part = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await handle.read(part, at, length - at, offset + at);
      if (bytesRead === 0) throw new Error('the file was cut while it was sent');
      at += bytesRead;
    }
    return part;
  };

  const sendPart = async (number: number) => {
    signal.throwIfAborted();
    multipart ??= multiparts.begin(key);
    const to = await multipart;
    const offset = (number - 1) * PART_BYTES;
    tags[number - 1] = await partSlots.run(async () => {
      signal.throwIfAborted();
      const part = await read(offset, Math.min(PART_BYTES, bytes - offset));
      return multiparts.put(to, { number, bytes: part, signal });
    });
  };

  const addPart = () => {
    const number = ++parts;
    const lane = number % LANES;
    const sent = (lanes[lane] as Promise<void>).then(() => sendPart(number));
    // The first failure ends the others.
    lanes[lane] = sent.catch((error: unknown) => stop.abort(error));
  };

  const abandon = async () => {
    await Promise.all(lanes);
    const begun = await multipart?.catch(() => undefined);
    // What the server does not abort now is swept later.
    if (begun) await multiparts.abort(begun).catch(() => {});
  };

  const sendRest = async () => {
    if (parts === 0) {
      await partSlots.run(async () => bucket.put(key, await read(0, bytes)));
      return;
    }
    addPart();
    await Promise.all(lanes);
    signal.throwIfAborted();
    await multiparts.complete((await multipart) as Multipart, tags);
  };

  return {
    async wrote(count) {
      signal.throwIfAborted();
      bytes += count;
      // The last part is not empty.
      while (bytes > (parts + 1) * PART_BYTES) addPart();
    },
    settle() {
      settled = sendRest().catch(async (error: unknown) => {
        await abandon();
        throw error;
      });
      return settled;
    },
    async abandon() {
      stop.abort(new Error('the upload was given up'));
      if (settled !== undefined) await settled.catch(() => {});
      else await abandon();
    },
  };
}
