/** Uploads of a file, at once or slowly. */
import { Readable } from 'node:stream';
import type { ListedTrack } from './on-timeline.ts';
import type { SourceFile } from './sources.ts';

/** A slow upload arrives in so many pieces, within so long unless told otherwise. */
const SLOW_PIECES = 25;
const SLOW_MS = 1000;
const LIMIT_MS = 120_000;

/** Body of a response: the track, or the problem in its place. */
export type Submitted = ListedTrack & { code?: string };

/** Returns the same sound with other bytes after it, which make it another track. */
export function unlike({ name, bytes }: SourceFile, number: number): SourceFile {
  return { name: `${number}-${name}`, bytes: Buffer.concat([bytes, Buffer.from(`chaos ${number}`)]) };
}

/**
 * Uploads a file.
 *
 * @param wait value of the query parameter `wait`.
 * @param slowly whether the file arrives in pieces, or milliseconds that it takes to arrive.
 * @throws {Error} when there is no response.
 */
export async function submit(url: string, file: SourceFile, wait: string, slowly: boolean | number = false) {
  const response = await fetch(`${url}/upload?wait=${wait}`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=chaos' },
    body: Readable.toWeb(Readable.from(formOf(file, slowly === true ? SLOW_MS : Number(slowly)))),
    duplex: 'half',
    signal: AbortSignal.timeout(LIMIT_MS),
  } as unknown as RequestInit);
  return { status: response.status, body: (await response.json()) as Submitted };
}

/** Yields a form with a file: at once, or in pieces within so many milliseconds. */
async function* formOf({ name, bytes }: SourceFile, takesMs: number): AsyncGenerator<Buffer> {
  const pieces = takesMs > 0 ? SLOW_PIECES : 1;
  const head = `--chaos\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\n`;
  yield Buffer.from(head);
  for (let piece = 0; piece < pieces; piece++) {
    if (piece > 0) await new Promise((resolve) => setTimeout(resolve, takesMs / pieces));
    yield bytes.subarray((piece * bytes.length) / pieces, ((piece + 1) * bytes.length) / pieces);
  }
  yield Buffer.from('\r\n--chaos--\r\n');
}
