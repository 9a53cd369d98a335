/** Stored files of tracks in a bucket. No scratch space is needed: what is read is sent on. */
import type { Bucket } from '../storage/s3-bucket.ts';
import {
  homePrefix,
  MANIFEST_HEADERS,
  manifestKey,
  ORIGINALS,
  originalKey,
  SEGMENT_HEADERS,
  segmentKey,
  sidecarPrefix,
} from '../storage/s3-keys.ts';
import type { Multipart, Multiparts } from '../storage/s3-multipart.ts';
import { createS3Sidecars } from '../storage/s3-sidecars.ts';
import type { TargetFiles, Writing } from './sides.ts';

/** Some servers want parts of equal size. */
const PART_BYTES = 8 * 1024 ** 2;

export function bucketFiles(bucket: Bucket, multiparts: Multiparts): TargetFiles {
  const keyOf = (name: string) => ORIGINALS + name;
  const listSegments = async (home: string) => {
    const prefix = homePrefix(home);
    return (await bucket.list(prefix)).map(({ key, bytes }) => ({ name: key.slice(prefix.length), bytes }));
  };

  const { readSidecar, putSidecar } = createS3Sidecars(bucket);

  return {
    listSegments,
    readSidecar,
    putSidecar,
    async listSidecars(home) {
      const prefix = sidecarPrefix(home);
      return (await bucket.list(prefix)).map(({ key, bytes }) => ({ name: key.slice(prefix.length), bytes }));
    },
    readSegment: async (home, name) => bucket.get(segmentKey(home, name)),
    hasUpload: (upload) => bucket.has(originalKey(upload)),
    async sizeOfOriginal(name) {
      const found = await bucket.list(keyOf(name));
      return found.find(({ key }) => key === keyOf(name))?.bytes;
    },
    readOriginal: (name, write, options) => bucket.download(keyOf(name), write, options),
    putSegment: async (home, name, bytes) => bucket.put(segmentKey(home, name), bytes, SEGMENT_HEADERS),
    async syncSegments(home, names) {
      const asked = [...names];
      // A PUT is durable at once.
      if (asked.length === 0) return [];
      const stored = new Set((await listSegments(home)).map(({ name }) => name));
      return asked.filter((name) => !stored.has(name));
    },
    async putManifest(home, render) {
      const mpd = render(`../${homePrefix(encodeURIComponent(home))}`);
      await bucket.put(manifestKey(home), mpd, MANIFEST_HEADERS);
    },
    writeOriginal: async (name) => writeObject(keyOf(name), { bucket, multiparts }),
  };
}

/** Collects a part while the one before it is sent. */
function writeObject(
  key: string,
  { bucket, multiparts }: { bucket: Bucket; multiparts: Multiparts },
): Writing {
  const stop = new AbortController();
  const { signal } = stop;
  const tags: string[] = [];
  let multipart: Multipart | undefined;
  let part = Buffer.allocUnsafe(PART_BYTES);
  let filled = 0;
  let sending = Promise.resolve();

  const send = async (bytes: Buffer) => {
    multipart ??= await multiparts.begin(key);
    tags.push(await multiparts.put(multipart, { number: tags.length + 1, bytes, signal }));
  };
  const sendPart = async () => {
    await sending;
    sending = send(part.subarray(0, filled));
    // Thrown when the next part is due, or at the end.
    sending.catch(() => {});
    part = Buffer.allocUnsafe(PART_BYTES);
    filled = 0;
  };

  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        // The last part is not empty.
        if (filled === PART_BYTES) await sendPart();
        const copied = chunk.copy(part, filled, at);
        filled += copied;
        at += copied;
      }
    },
    async finish() {
      await sending;
      if (!multipart) return bucket.put(key, part.subarray(0, filled));
      await send(part.subarray(0, filled));
      await multiparts.complete(multipart, tags);
    },
    async discard() {
      stop.abort(new Error('the original was given up'));
      await sending.catch(() => {});
      // What the server does not abort now is swept later.
      if (multipart) await multiparts.abort(multipart).catch(() => {});
    },
  };
}
