/** Uploads that arrive slowly enough to be encoded meanwhile. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { type Answer, type Problem, until } from './client.ts';
import type { TestServer } from './server.ts';

type Uploaded = TrackView & { message: string } & Omit<Problem, 'status'>;

/** Bytes of a drop, and the time between two: 20 kB/s, more than an early encode needs. */
const DROP_BYTES = 1024;
const BETWEEN_DROPS_MS = 50;

/** Names of the segments that are staged on a server. */
export async function stagedOn({ dataDir }: TestServer): Promise<string[]> {
  const folders = await readdir(path.join(dataDir, 'segments'));
  const stages = folders.filter((name) => name.startsWith('.tmp-stage-'));
  const names = stages.map((stage) => readdir(path.join(dataDir, 'segments', stage)).catch(() => []));
  return (await Promise.all(names)).flat().filter((name) => !name.startsWith('.tmp-'));
}

/**
 * Uploads a file: three quarters of it at once, then by drops until `isEnough`, then the rest.
 *
 * @param options.isEnough by default: a media segment is staged.
 */
export async function uploadSlowly(
  server: TestServer,
  file: string | { name: string; bytes: Buffer },
  options: { isEnough?(): Promise<boolean>; query?: string; signal?: AbortSignal } = {},
): Promise<Answer<Uploaded>> {
  const { name, bytes } =
    typeof file === 'string' ? { name: path.basename(file), bytes: await readFile(file) } : file;
  const { isEnough = async () => (await stagedOn(server)).some((staged) => !staged.endsWith('init')) } =
    options;
  const boundary = 'slowly';
  async function* body() {
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\n`,
    );
    let sent = Math.floor(bytes.length * 0.75);
    yield bytes.subarray(0, sent);
    while (sent < bytes.length - DROP_BYTES && !(await isEnough())) {
      await pause(BETWEEN_DROPS_MS);
      yield bytes.subarray(sent, sent + DROP_BYTES);
      sent += DROP_BYTES;
    }
    yield bytes.subarray(sent);
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  }
  const response = await fetch(`${server.url}/upload${options.query ?? '?wait=ready'}`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Readable.toWeb(Readable.from(body())),
    duplex: 'half',
    ...(options.signal && { signal: options.signal }),
  } as unknown as RequestInit);
  return { status: response.status, headers: response.headers, body: (await response.json()) as Uploaded };
}

/** Segments that tracks of a server have adopted, as its log at `debug` tells. */
export function adoptedOn({ logged }: TestServer): number {
  const lines = logged.filter((line) => line.includes('early segments adopted'));
  return lines.reduce((sum, line) => sum + (JSON.parse(line) as { segments: number }).segments, 0);
}

/** Waits until nothing of any early encode is left on a server. */
export async function untilNoEarlyEncodes(server: TestServer): Promise<void> {
  await until(async () => {
    const left = [server.services.governor.usage().earlyEncodes, (await stagedOn(server)).length];
    if (left.some((count) => count !== 0)) throw new Error(`early encodes, staged segments: ${left}`);
  });
}
