/** Checks that a track as served lies on its timeline. Throws plain errors, for it runs without a test runner. */
import { readBoxes, readFragment } from '../src/encoding/boxes.ts';
import { framesPerSegment, timelineOf } from '../src/presentation/timeline.ts';

export interface ListedTrack {
  filename: string;
  status: string;
  samples: number;
  sampleRate: number;
  manifestUrl: string | null;
  message?: string;
}

async function bytesOf(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  if (response.status !== 200) throw new Error(`${response.status} for ${url}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Resolves with the addresses of a track's media segments, those of each rendition in order. */
export async function segmentUrls(url: string, track: ListedTrack): Promise<string[][]> {
  const manifestUrl = new URL(track.manifestUrl ?? 'null', url).href;
  const xml = (await bytesOf(manifestUrl)).toString();
  const { segmentCount } = timelineFor(track);
  return [...xml.matchAll(/\bmedia="([^"]+)"/g)].map(([, media = '']) =>
    Array.from({ length: segmentCount }, (_, index) => {
      const name = media.replace('$Number%05d$', String(index + 1).padStart(5, '0'));
      return new URL(name, manifestUrl).href;
    }),
  );
}

function timelineFor(track: ListedTrack) {
  return timelineOf({ ...track, segmentFrames: framesPerSegment(4, track.sampleRate) });
}

/**
 * Checks every segment of every rendition against the timeline.
 *
 * @returns each rendition as one file, init segment first.
 * @throws {Error} that names the segment which is missing or elsewhere.
 */
export async function assertOnTimeline(url: string, track: ListedTrack): Promise<Buffer[]> {
  const manifestUrl = new URL(track.manifestUrl ?? 'null', url).href;
  const xml = (await bytesOf(manifestUrl)).toString();
  const timeline = timelineFor(track);
  const whole: Buffer[] = [];
  for (const [, media = ''] of xml.matchAll(/\bmedia="([^"]+)"/g)) {
    const init = media.replace('$Number%05d$.m4s', 'init.mp4');
    const parts = [await bytesOf(new URL(init, manifestUrl).href)];
    for (let index = 0; index < timeline.segmentCount; index++) {
      const name = media.replace('$Number%05d$', String(index + 1).padStart(5, '0'));
      const bytes = await bytesOf(new URL(name, manifestUrl).href);
      await assertSpan(bytes, timeline.media(index), `${track.filename} ${name}`);
      parts.push(bytes);
    }
    whole.push(Buffer.concat(parts));
  }
  if (whole.length === 0) throw new Error(`${track.filename}: the manifest names no segments`);
  return whole;
}

async function assertSpan(bytes: Buffer, span: { start: number; duration: number }, what: string) {
  async function* once() {
    yield bytes;
  }
  let end = span.start;
  for await (const box of readBoxes(once())) {
    if (box.type !== 'moof') continue;
    const fragment = readFragment(box.bytes);
    if (fragment.decodeTime !== end) throw new Error(`${what} is at ${fragment.decodeTime}, not ${end}`);
    end += fragment.duration;
  }
  if (end !== span.start + span.duration) throw new Error(`${what} ends at ${end}`);
}
