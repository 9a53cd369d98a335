/** The waveforms and the pauses of a track, as side files. */
import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { createSingleFlight } from '../../concurrency/single-flight.ts';
import type { TimeSlices } from '../../concurrency/time-slices.ts';
import { errors } from '../../errors.ts';
import { PAUSES_NAME } from '../../facts/analyse.ts';
import { PIXELS_PER_SECOND, type PixelsPerSecond, waveformJson, waveformName } from '../../facts/waveform.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Analysis } from '../../tracks/facts.ts';
import type { Track } from '../../tracks/track.ts';
import { type SideFile, sideFile } from './side-files.ts';

/** A waveform of ten hours has 7 MB, and 25 MB as JSON: clients that are slow share one copy. */
const CACHE_BYTES = 64 * 1024 ** 2;

const rates = PIXELS_PER_SECOND.join(', ');
const Rate = z
  .enum(PIXELS_PER_SECOND.map(String), `"pixels_per_second" must be one of ${rates}`)
  .default('100')
  .meta({ description: `Pixels in a second: ${rates}`, examples: ['20'] });
const query = { pixels_per_second: Rate };
const problems = ['analysis_pending', 'not_analysed'] as const;

/** Bytes, and the analysis that they are of: another one has made others. */
interface Made {
  analysis: Analysis | null;
  bytes: Buffer;
}

/** Declares the side files that an analysis makes. */
export function analysisFiles({
  storage,
  slices,
}: {
  storage: Pick<Storage, 'readSidecar'>;
  slices: TimeSlices;
}): SideFile[] {
  const made = new LRUCache<string, Made>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ bytes }) => Math.max(1, bytes.length),
  });
  const making = createSingleFlight<string, Buffer>();

  const cached = async (track: Track, name: string, make: () => Promise<Buffer>): Promise<Buffer> => {
    const { home, analysis } = track;
    if (analysis?.status !== 'done') {
      const isComing = analysis?.status === 'pending' || track.status === 'processing';
      throw isComing ? errors.analysisPending(track.filename) : errors.notAnalysed(track.filename);
    }
    const key = `${home}/${name}`;
    const known = made.get(key);
    if (known?.analysis === analysis) return known.bytes;
    const bytes = await making.run(key, make);
    made.set(key, { analysis, bytes });
    return bytes;
  };
  const stored = (track: Track, name: string) =>
    cached(track, name, async () => {
      const bytes = await storage.readSidecar(track.home, name);
      if (!bytes) throw errors.notAnalysed(track.filename);
      return bytes;
    });
  const asJson = (track: Track, name: string) =>
    cached(track, `${name}.json`, async () => {
      const pieces: Buffer[] = [];
      for (const piece of waveformJson(await stored(track, name))) {
        pieces.push(Buffer.from(piece));
        await slices.next();
      }
      return Buffer.concat(pieces);
    });
  const nameOf = (rate: string) => waveformName(Number(rate) as PixelsPerSecond);

  return [
    sideFile({
      name: 'waveform.dat',
      id: 'WaveformData',
      summary: 'Get the waveform in the binary format of audiowaveform',
      description:
        'Version 2 of the format: 8 bits, one channel. `waveform-data`, peaks.js and wavesurfer read it.',
      type: 'application/octet-stream',
      ...{ query, problems },
      find: async (track, { pixels_per_second: rate }) => ({ bytes: await stored(track, nameOf(rate)) }),
    }),
    sideFile({
      name: 'waveform.json',
      id: 'Waveform',
      summary: 'Get the waveform in the JSON format of audiowaveform',
      description: 'The same as `waveform.dat`, in some three times as many bytes.',
      type: 'application/json; charset=utf-8',
      ...{ query, problems },
      find: async (track, { pixels_per_second: rate }) => ({ bytes: await asJson(track, nameOf(rate)) }),
    }),
    sideFile({
      name: 'pauses',
      id: 'Pauses',
      summary: 'Get the pauses, for players that skip silence',
      description:
        'Spans of at least 0.5 s in which no sample of any channel reaches -50 dBFS: `{ "pauses": [[startSeconds, endSeconds], ...] }`.',
      type: 'application/json; charset=utf-8',
      isText: true,
      problems,
      find: async (track) => ({ bytes: await stored(track, PAUSES_NAME) }),
    }),
  ];
}
