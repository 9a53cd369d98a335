/** Sends requests and measures their times, in milliseconds. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
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

/** Uploads a file. @param query selects the response to wait for; by default that of a playable track. */
export async function upload(url: string, file: string, query = ''): Promise<Uploaded> {
  const head = `--b\r\nContent-Disposition: form-data; name="file"; filename="${path.basename(file)}"\r\n\r\n`;
  const tail = '\r\n--b--\r\n';
  const request = http.request(`${url}/upload${query}`, {
    method: 'POST',
    headers: {
      ...AUTHORIZED,
      'content-type': 'multipart/form-data; boundary=b',
      'content-length': head.length + (await stat(file)).size + tail.length,
    },
  });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) =>
    request.once('response', resolve).once('error', reject),
  );
  let flushedAt = 0;
  request.write(head);
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    if (!request.write(chunk)) await new Promise((resolve) => request.once('drain', resolve));
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
