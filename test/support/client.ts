/** A client of the service: uploads, waits, downloads. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, vi } from 'vitest';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  title: string;
  type: string;
}

/** What an upload is answered with: a track object, or a problem. */
type Uploaded = TrackView & { message: string } & Omit<Problem, 'status'>;

/** @param file a path, or bytes with a name. Waits until the track is encoded whole, unless `query` says otherwise. */
export async function upload(
  url: string,
  file: string | { name: string; bytes: Buffer },
  query = '?wait=ready',
): Promise<Answer<Uploaded>> {
  const { name, bytes } =
    typeof file === 'string' ? { name: path.basename(file), bytes: await readFile(file) } : file;
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(bytes)]), name);
  return request<Uploaded>(`${url}/upload${query}`, { method: 'POST', body: form });
}

/** Any request whose answer is JSON, or nothing. */
export async function request<T = unknown>(url: string, init?: RequestInit): Promise<Answer<T>> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}

export async function getTrack(url: string, filename: string): Promise<TrackView> {
  const { status, body } = await request<TrackView>(`${url}/files/${encodeURIComponent(filename)}`);
  expect(status).toBe(200);
  return body;
}

/** Waits until the track is not processed any more. */
export async function settled(url: string, filename: string, timeoutMs = 60_000): Promise<TrackView> {
  return until(async () => {
    const track = await getTrack(url, filename);
    expect(track.status).not.toBe('processing');
    return track;
  }, timeoutMs);
}

/** Looks again and again until nothing is thrown. */
export function until<T>(look: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  return vi.waitFor(look, { timeout: timeoutMs, interval: 50 });
}

/** One rendition, as a player sees it. */
export interface Representation {
  id: string;
  bandwidth: number;
  initUrl: string;
  /** Presentation time in samples. */
  segments: { url: string; start: number; duration: number }[];
}

/** The manifest; its own segments are those of the rendition of 128k, or of the only one. */
export interface Manifest extends Representation {
  url: string;
  xml: string;
  timescale: number;
  durationSeconds: number;
  representations: Representation[];
}

/** Reads a manifest as a player does. */
export async function getManifest(url: string, track: Pick<TrackView, 'manifestUrl'>): Promise<Manifest> {
  const manifestUrl = new URL(track.manifestUrl ?? 'null', url).href;
  const { status, body } = await request<string>(manifestUrl);
  expect(status).toBe(200);
  return parseManifest(manifestUrl, body);
}

export function parseManifest(url: string, xml: string): Manifest {
  const representations = [...xml.matchAll(/<Representation .*?<\/Representation>/gs)].map(([element]) =>
    parseRepresentation(url, element),
  );
  const main = representations.find(({ id }) => id === 'aac-128k') ?? representations[0];
  if (!main) throw new Error('the manifest has no representation');
  return {
    ...main,
    url,
    xml,
    timescale: Number(attributeOf(xml, 'timescale')),
    durationSeconds: Number(/PT([\d.]+)S/.exec(attributeOf(xml, 'mediaPresentationDuration'))?.[1]),
    representations,
  };
}

function parseRepresentation(url: string, element: string): Representation {
  const segments: Representation['segments'] = [];
  let start = 0;
  for (const [entry] of element.matchAll(/<S [^>]*\/>/g)) {
    for (let repeat = Number(attributeOf(entry, 'r') || 0); repeat >= 0; repeat--) {
      const number = String(segments.length + 1).padStart(5, '0');
      const duration = Number(attributeOf(entry, 'd'));
      const media = attributeOf(element, 'media').replace('$Number%05d$', number);
      segments.push({ url: new URL(media, url).href, start, duration });
      start += duration;
    }
  }
  return {
    id: attributeOf(element, 'id'),
    bandwidth: Number(attributeOf(element, 'bandwidth')),
    initUrl: new URL(attributeOf(element, 'initialization'), url).href,
    segments,
  };
}

function attributeOf(xml: string, name: string): string {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(xml)?.[1] ?? '';
}

export async function download(url: string): Promise<Buffer> {
  const response = await fetch(url);
  expect(response.status, url).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** The init segment and all media segments, one after the other: a file that any decoder reads. */
export async function downloadTrack({ initUrl, segments }: Representation): Promise<Buffer> {
  const parts = [await download(initUrl)];
  for (const segment of segments) parts.push(await download(segment.url));
  return Buffer.concat(parts);
}
