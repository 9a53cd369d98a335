/** Sends requests and measures their times, in milliseconds. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AUTHORIZED } from './server.ts';

interface Track {
  filename: string;
  status: 'processing' | 'ready' | 'failed';
  manifestUrl: string;
  durationSeconds: number;
  renditions: { id: string }[];
}

export interface Uploaded {
  track: Track;
  /** Time at which the system took the last byte. */
  flushedAt: number;
  answeredAt: number;
}

/** Small beside the second in which a slow client sends a hundred of them. */
const THROTTLED_CHUNK_BYTES = 16 * 1024;

export interface UploadOptions {
  /** Speed at which the client sends; as fast as it can by default. */
  bytesPerSecond?: number;
  /** Gives the upload up. */
  signal?: AbortSignal;
}

/** Uploads a file. @param query selects the response to wait for; by default that of a playable track. */
export async function upload(
  url: string,
  file: string,
  query = '',
  { bytesPerSecond, signal }: UploadOptions = {},
): Promise<Uploaded> {
  const head = `--b\r\nContent-Disposition: form-data; name="file"; filename="${path.basename(file)}"\r\n\r\n`;
  const tail = '\r\n--b--\r\n';
  const request = http.request(`${url}/upload${query}`, {
    method: 'POST',
    ...(signal && { signal }),
    headers: {
      ...AUTHORIZED,
      'content-type': 'multipart/form-data; boundary=b',
      'content-length': head.length + (await stat(file)).size + tail.length,
    },
  });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) =>
    request.once('response', resolve).once('error', reject),
  );
  // It is awaited once all is sent.
  answer.catch(() => {});
  let flushedAt = 0;
  request.write(head);
  const beganAt = performance.now();
  let sent = 0;
  const highWaterMark = bytesPerSecond ? THROTTLED_CHUNK_BYTES : 1024 * 1024;
  for await (const chunk of createReadStream(file, { highWaterMark })) {
    if (!request.write(chunk)) await Promise.race([once(request, 'drain'), answer]);
    sent += chunk.length;
    const dueAt = bytesPerSecond ? beganAt + (sent / bytesPerSecond) * 1000 : 0;
    await pause(Math.max(0, dueAt - performance.now()));
  }
  request.end(tail, () => {
    flushedAt = performance.now();
  });
  const response = await answer;
  let body = '';
  for await (const chunk of response) body += chunk;
  if (response.statusCode !== 201) throw new Error(`${response.statusCode} ${body}`);
  return { track: JSON.parse(body), flushedAt, answeredAt: performance.now() };
}

export interface SegmentUrls {
  id: string;
  init: string;
  media: string[];
}

/** Resolves with the segment addresses of each rendition, from the manifest; the rendition of 128k comes first. */
export async function segmentUrls(url: string, track: Track): Promise<[SegmentUrls, ...SegmentUrls[]]> {
  const manifestUrl = url + track.manifestUrl;
  const xml = await (await fetch(manifestUrl)).text();
  const renditions = [...xml.matchAll(/<Representation .*?<\/Representation>/gs)].map(([element]) => {
    const attribute = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1] ?? '';
    const absolute = (name: string) => new URL(name, manifestUrl).href;
    const count = [...element.matchAll(/<S [^>]*?(?: r="(\d+)")?\/>/g)].reduce(
      (sum, [, r]) => sum + 1 + Number(r ?? 0),
      0,
    );
    const numbers = Array.from({ length: count }, (_, n) => String(n + 1).padStart(5, '0'));
    const media = numbers.map((number) => absolute(attribute('media').replace('$Number%05d$', number)));
    return { id: attribute('id'), init: absolute(attribute('initialization')), media };
  });
  const isMain = ({ id }: SegmentUrls) => id === 'aac-128k';
  return [...renditions.filter(isMain), ...renditions.filter((each) => !isMain(each))] as [
    SegmentUrls,
    ...SegmentUrls[],
  ];
}

/** Downloads, and resolves with the duration. */
export async function get(url: string): Promise<number> {
  const begin = performance.now();
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  return performance.now() - begin;
}

/** Resolves with the time from the last byte of an upload to its first segment at the client, in several renditions. */
export async function firstInHand(url: string, uploaded: Uploaded, renditions = 1): Promise<number> {
  const urls = (await segmentUrls(url, uploaded.track)).slice(0, renditions);
  if (urls.length < renditions) throw new Error(`there are only ${urls.length} renditions`);
  await Promise.all(urls.flatMap(({ init, media }) => [get(init), get(media[0] as string)]));
  return performance.now() - uploaded.flushedAt;
}

/** Resolves when the track is ready: its event stream ends then. */
export async function untilReady(url: string, track: Track): Promise<void> {
  const address = `${url}/files/${encodeURIComponent(track.filename)}/events`;
  const events = await (await fetch(address, { headers: AUTHORIZED })).text();
  if (!events.includes('"status":"ready"'))
    throw new Error(`${track.filename} failed: ${events.slice(-500)}`);
}

/** Resolves with the address of the manifest, with its signature. */
export async function manifestUrl(url: string, filename: string): Promise<string> {
  const answer = await fetch(`${url}/files/${encodeURIComponent(filename)}`, { headers: AUTHORIZED });
  return url + ((await answer.json()) as Track).manifestUrl;
}

export async function remove(url: string, track: Track): Promise<void> {
  await fetch(`${url}/files/${encodeURIComponent(track.filename)}`, {
    method: 'DELETE',
    headers: AUTHORIZED,
  });
}

/** Resolves with the encoded share of a track, 0 to 1. */
export async function progressOf(url: string, track: Track): Promise<number> {
  const answer = await fetch(`${url}/files/${encodeURIComponent(track.filename)}`, { headers: AUTHORIZED });
  return ((await answer.json()) as { progress: number }).progress;
}
