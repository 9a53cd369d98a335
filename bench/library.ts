/** Makes large libraries by copying the files of one upload. */
import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { startServer } from './server.ts';

const AT_ONCE = 32;
const ROWS_AT_ONCE = 5000;

/** The files of one track of a minute, in one rendition. */
export interface Sample {
  record: {
    filename: string;
    samples: number;
    segmentFrames: number;
    uploadedAt: string;
    source: { sha256: string };
    renditions: { id: string; key: string }[];
  };
  init: Buffer;
  segment: Buffer;
}

export async function makeSample(inputs: Inputs): Promise<Sample> {
  const server = await startServer(inputs.folder, { AUDIO_LADDER: 'aac@128k' });
  const { track } = await upload(server.url, await inputs.mp3('minute.mp3', 1), '?wait=ready');
  const record = path.join(server.dataDir, 'manifests', track.filename, 'track.json');
  const segments = path.join(server.dataDir, 'segments', track.filename);
  const names = (await readdir(segments)).sort();
  const read = (part: string) =>
    readFile(path.join(segments, names.find((name) => name.includes(part)) ?? ''));
  const sample = {
    record: JSON.parse(await readFile(record, 'utf8')),
    init: await read('init'),
    segment: await read('-00005.m4s'),
  };
  await server.stop();
  return sample;
}

/** The files of one uploaded track, to be copied. */
export interface Original {
  record: Sample['record'];
  /** Paths of its segments. */
  segments: string[];
}

/** Uploads a file in all renditions of the default ladder, to its own folder. */
export async function makeOriginal(inputs: Inputs, file: string): Promise<Original> {
  const dataDir = path.join(inputs.folder, `original-${path.basename(file)}`);
  const server = await startServer(inputs.folder, { DATA_DIR: dataDir });
  const { track } = await upload(server.url, file, '?wait=ready');
  await server.stop(true);
  const folder = path.join(dataDir, 'segments', track.filename);
  const record = await readFile(path.join(dataDir, 'manifests', track.filename, 'track.json'), 'utf8');
  return {
    record: JSON.parse(record),
    segments: (await readdir(folder)).sort().map((name) => path.join(folder, name)),
  };
}

/** Copies a track as `<prefix>-0`, `<prefix>-1`, ... Segments are hard links and take no room on the disk. */
export async function makeCopies(
  dataDir: string,
  { record, segments }: Original,
  { prefix, count }: { prefix: string; count: number },
): Promise<void> {
  await inParallel(count, async (n) => {
    const filename = `${prefix}-${n}`;
    const [manifests, to] = ['manifests', 'segments'].map((part) => path.join(dataDir, part, filename)) as [
      string,
      string,
    ];
    await Promise.all([manifests, to].map((folder) => mkdir(folder, { recursive: true })));
    for (const segment of segments) await link(segment, path.join(to, path.basename(segment)));
    const sha256 = createHash('sha256').update(filename).digest('hex');
    const copy = { ...record, filename, source: { ...record.source, sha256 } };
    await writeFile(path.join(manifests, 'track.json'), JSON.stringify(copy));
  });
}

/** Writes records without segments, each of another track, to measure the list. */
export async function makeRecords(dataDir: string, sample: Sample, count: number): Promise<void> {
  const one = async (n: number) => {
    const record = recordOf(sample, n);
    const folder = path.join(dataDir, 'manifests', record.filename);
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'track.json'), `${JSON.stringify(record, null, 2)}\n`);
  };
  await inParallel(count, one);
}

/** Writes the same records into the tables of a node. */
export async function makeRows(databaseUrl: string, sample: Sample, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const records = Array.from({ length: count }, (_, n) => recordOf(sample, n));
  for (let at = 0; at < count; at += ROWS_AT_ONCE) {
    await client.query(
      `insert into tracks (filename, name_key, status, sha256, uploaded_at, search, record,
         title_key, artist_key, album_key, seconds)
       select name, name, 'ready', record->'source'->>'sha256', (record->>'uploadedAt')::timestamptz, name, record,
         name, chr(1114111), chr(1114111), 60
       from unnest($1::json[]) record, lateral (select record->>'filename') as names (name)`,
      [records.slice(at, at + ROWS_AT_ONCE).map((record) => JSON.stringify(record))],
    );
  }
  await client.query('analyze');
  await client.end();
}

function recordOf({ record }: Sample, n: number): Sample['record'] {
  return {
    ...record,
    filename: `track-${n}.mp3`,
    uploadedAt: new Date(1_700_000_000_000 + n * 1000).toISOString(),
    source: { ...record.source, sha256: n.toString(16).padStart(64, '0') },
  };
}

/** Makes one track with many segments. @returns the paths of its media segments, below `/stream/`. */
export async function makeLongTrack(dataDir: string, sample: Sample, count: number): Promise<string[]> {
  const filename = 'long.mp3';
  const [rendition] = sample.record.renditions;
  const record = { ...sample.record, filename, samples: count * sample.record.segmentFrames * 1024 - 1024 };
  const segments = path.join(dataDir, 'segments', filename);
  const manifests = path.join(dataDir, 'manifests', filename);
  await Promise.all([segments, manifests].map((folder) => mkdir(folder, { recursive: true })));
  await writeFile(path.join(manifests, 'track.json'), JSON.stringify(record));
  const name = (number: string) => `${rendition?.id}-${rendition?.key}-${number}`;
  await writeFile(path.join(segments, name('init.mp4')), sample.init);
  const names = Array.from({ length: count }, (_, n) => name(`${String(n + 1).padStart(5, '0')}.m4s`));
  await inParallel(count, (n) => writeFile(path.join(segments, names[n] as string), sample.segment));
  return names;
}

async function inParallel(count: number, work: (n: number) => Promise<void>): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const worker = async () => {
    for (const n of numbers) await work(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
