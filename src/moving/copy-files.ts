/** Copies what is stored of one track. What is there already is skipped, so a second run goes on where the first one ended. */
import { createHash } from 'node:crypto';
import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import type { Slots } from '../concurrency/slots.ts';
import { copyName } from '../storage/upload-name.ts';
import type { Track } from '../tracks/track.ts';
import type { Files, TargetFiles } from './sides.ts';

/** A part of a track is not at the source, or has other bytes than its record says. */
export class DamagedSourceError extends Error {
  override readonly name = 'DamagedSourceError';
}

export interface CopyFilesOptions {
  from: Files;
  to: TargetFiles;
  /** Home at the target. */
  home: string;
  /** True where the target has this very record: a sidecar of the right size then has the right bytes. */
  isUnchanged: boolean;
  /** Limits the segments in memory, among all tracks. */
  segmentSlots: Slots;
  /** Limits the originals on their way, among all tracks. */
  originalSlots: Slots;
  signal: AbortSignal;
  /** Told of bytes that were copied. */
  onBytes(bytes: number): void;
}

const SEGMENTS_AT_ONCE = 16;

/**
 * Copies the segments, the sidecars and the original of a track, durable once it resolves. Resolves with the number of files that were copied.
 *
 * @throws {DamagedSourceError} also when the track was changed or deleted meanwhile; the signal's reason.
 */
export async function copyFiles(track: Track, options: CopyFilesOptions): Promise<number> {
  const segments = await copySegments(track, options);
  const sidecars = await copySidecars(track, options);
  const originals = await copyOriginals(track, options);
  return segments + sidecars + originals;
}

/** Returns the names of the originals that a record speaks of, with their bytes where it tells these. */
export function originalsOf({
  upload,
  hasSeekableCopy,
  source,
}: Track): { name: string; bytes: number | undefined; sha256: string | undefined }[] {
  if (upload === null) return [];
  const original = { name: upload, bytes: source.bytes, sha256: source.sha256 };
  if (!hasSeekableCopy) return [original];
  return [original, { name: copyName(upload), bytes: undefined, sha256: undefined }];
}

async function copySegments(track: Track, options: CopyFilesOptions): Promise<number> {
  const { from, to, home, segmentSlots, signal, onBytes } = options;
  const [stored, there] = await Promise.all([from.listSegments(track.home), to.listSegments(home)]);
  const sizes = new Map(there.map(({ name, bytes }) => [name, bytes]));
  const missing = stored.filter(({ name, bytes }) => sizes.get(name) !== bytes);

  await fewAtATime(missing, SEGMENTS_AT_ONCE, ({ name }) =>
    segmentSlots.run(async () => {
      signal.throwIfAborted();
      const bytes = await from.readSegment(track.home, name);
      if (!bytes) throw new DamagedSourceError(`its segment ${name} is missing at the source`);
      await to.putSegment(home, name, bytes);
      onBytes(bytes.length);
    }),
  );
  if (stored.length === 0) return 0;
  const isCopied = new Set(missing.map(({ name }) => name));
  const before = stored.filter(({ name }) => !isCopied.has(name)).map(({ name }) => name);
  // What an earlier run has stored may be swept meanwhile, as files of no track.
  const lost = await to.syncSegments(home, before);
  if (lost.length > 0)
    throw new Error(`the target has lost ${lost[0]} while the track was copied. Run this again`);
  return missing.length;
}

async function copySidecars(track: Track, options: CopyFilesOptions): Promise<number> {
  const { from, to, home, isUnchanged, segmentSlots, signal, onBytes } = options;
  const [stored, there] = await Promise.all([from.listSidecars(track.home), to.listSidecars(home)]);
  const sizes = new Map(there.map(({ name, bytes }) => [name, bytes]));
  let copied = 0;
  for (const { name, bytes: size } of stored) {
    signal.throwIfAborted();
    const isThere = sizes.get(name) === size;
    if (isThere && isUnchanged) continue;
    await segmentSlots.run(async () => {
      const bytes = await from.readSidecar(track.home, name);
      // A change has removed it meanwhile. The record has changed then, and is copied again.
      if (!bytes || (isThere && (await to.readSidecar(home, name))?.equals(bytes))) return;
      await to.putSidecar(home, name, bytes);
      onBytes(bytes.length);
      copied++;
    });
  }
  return copied;
}

async function copyOriginals(track: Track, options: CopyFilesOptions): Promise<number> {
  const { from, to, originalSlots } = options;
  let copied = 0;
  for (const original of originalsOf(track)) {
    const { name } = original;
    const [bytes, bytesThere] = await Promise.all([from.sizeOfOriginal(name), to.sizeOfOriginal(name)]);
    if (bytes === undefined)
      throw new DamagedSourceError(`its original uploads/${name} is missing at the source`);
    if (bytes === bytesThere) continue;
    await originalSlots.run(() => copyOriginal(original, options));
    copied++;
  }
  return copied;
}

async function copyOriginal(
  { name, sha256 }: { name: string; sha256: string | undefined },
  { from, to, signal, onBytes }: CopyFilesOptions,
): Promise<void> {
  const writing = await to.writeOriginal(name);
  const hash = createHash('sha256');
  const write = async (chunk: Buffer) => {
    hash.update(chunk);
    await writing.write(chunk);
    onBytes(chunk.length);
  };
  try {
    if (!(await from.readOriginal(name, write, { signal }))) {
      throw new DamagedSourceError(`its original uploads/${name} is missing at the source`);
    }
    if (sha256 !== undefined && hash.digest('hex') !== sha256) {
      throw new DamagedSourceError(
        `its original uploads/${name} has other bytes at the source than its record says`,
      );
    }
    await writing.finish();
  } catch (error) {
    await writing.discard();
    throw error;
  }
}
