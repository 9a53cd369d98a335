/** Libraries in folders, made by hand: whole segments on the timeline of their track, without ffmpeg. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { COVER_SIZES, coverFileName } from '../../src/facts/cover-files.ts';
import { renderMpd } from '../../src/presentation/mpd.ts';
import { initSegmentName, mediaSegmentName } from '../../src/presentation/segment-name.ts';
import { timelineOf } from '../../src/presentation/timeline.ts';
import type { Cover } from '../../src/tracks/facts.ts';
import { parseTrack, type Track } from '../../src/tracks/track.ts';
import { fragmentsOf, INIT } from './fragments.ts';
import { sampleTrack } from './sample-track.ts';

export interface MadeTrack {
  changes?: Partial<Track>;
  /** Bytes of an original that is stored. */
  original?: Buffer;
  /** Bytes of the copy that can be sought in. */
  copy?: Buffer;
  /** Sidecars by their names. */
  sidecars?: Record<string, string>;
  /** Segments that are stored; all of them by default. */
  segments?: number;
}

/** A cover, and its files with another sidecar beside them. */
export const COVER: Cover = { hash: '5b1f0c66ab92019ac5d1f3e80a1b2c3d' };
const SIDECARS = {
  ...Object.fromEntries(COVER_SIZES.map((size) => [coverFileName(COVER, size), `JPEG of ${size}`])),
  'pauses.json': '{"pauses":[]}',
};

let made = 0;

/** Adds a track to a library, as a server stores it: ready and with all of its segments, where nothing else is asked for. */
export async function makeTrack(
  dataDir: string,
  filename: string,
  { changes = {}, original, copy, sidecars = {}, segments }: MadeTrack = {},
): Promise<Track> {
  const content = original ?? Buffer.from(`${filename} ${++made}`);
  const sample = sampleTrack({ filename });
  const track: Track = {
    ...sample,
    status: 'ready',
    // Three segments.
    samples: 3 * sample.segmentFrames * 1024 - 1024,
    uploadedAt: new Date(1_700_000_000_000 + made * 1000).toISOString(),
    uploadId: randomUUID(),
    source: {
      ...sample.source,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    },
    upload: original ? `${randomUUID()}.upload` : null,
    hasSeekableCopy: copy !== undefined,
    ...changes,
    filename,
    home: filename,
  };
  const [manifest, stored] = ['manifests', 'segments'].map((part) => path.join(dataDir, part, filename)) as [
    string,
    string,
  ];
  const uploads = path.join(dataDir, 'uploads');
  for (const folder of [manifest, stored, uploads]) await mkdir(folder, { recursive: true });
  for (const [name, bytes] of segmentsOf(track).slice(0, segments)) {
    await writeFile(path.join(stored, name), bytes);
  }
  for (const [name, bytes] of Object.entries(sidecars)) await writeFile(path.join(manifest, name), bytes);
  if (original) await writeFile(path.join(uploads, track.upload as string), original);
  if (copy) await writeFile(path.join(uploads, `${track.upload}.flac`), copy);
  if (track.status === 'ready') {
    const mpd = renderMpd(track, `../../segments/${encodeURIComponent(filename)}/`);
    await writeFile(path.join(manifest, 'manifest.mpd'), mpd);
  }
  await writeRecord(dataDir, track);
  return track;
}

/** Adds five tracks: in each status, with and without an original, and with hard names. */
export async function makeLibrary(dataDir: string): Promise<void> {
  await makeTrack(dataDir, 'ready.mp3', { changes: { cover: COVER }, sidecars: SIDECARS });
  await makeTrack(dataDir, 'kept.mp3', { original: Buffer.alloc(100_000, 'an original ') });
  await makeTrack(dataDir, `${'ü'.repeat(90)}-हिन्दी.mp3`);
  await makeTrack(dataDir, 'failed.wav', {
    changes: {
      status: 'failed',
      error: { code: 'internal', message: 'Processing failed.' },
      originalName: 'a\0b\ud800 "\u0001.wav',
    },
    original: Buffer.from('failed'),
    segments: 0,
  });
  await makeTrack(dataDir, 'processing.wav', {
    changes: { status: 'processing' },
    original: Buffer.from('half'),
    copy: Buffer.from('can be sought in'),
    segments: 2,
  });
}

export async function writeRecord(dataDir: string, track: Track): Promise<void> {
  const record = parseTrack(track);
  const file = path.join(dataDir, 'manifests', record.filename, 'track.json');
  await writeFile(file, `${JSON.stringify(record, null, 2)}\n`);
}

function segmentsOf(track: Track): [name: string, bytes: Buffer][] {
  const fragments = fragmentsOf(timelineOf(track));
  return track.renditions.flatMap((rendition) => [
    [initSegmentName(rendition), Buffer.concat(INIT)] as [string, Buffer],
    ...fragments.map((bytes, index): [string, Buffer] => [mediaSegmentName(rendition, index), bytes]),
  ]);
}

/** Resolves with the content of each file of a library, by its path. */
export async function contentOf(dataDir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const part of ['manifests', 'segments', 'uploads']) {
    const folder = path.join(dataDir, part);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      files[path.relative(dataDir, file)] = (await readFile(file)).toString('latin1');
    }
  }
  return files;
}
