/** Whether the server can do its work, looked at no more often than needed: a look writes and syncs three files. */
import type { Config } from '../../config/config.ts';
import type { Services } from '../../services.ts';

/** With less room than this the disk is full, whatever MIN_FREE_BYTES says. */
const ROOM_FOR_SEGMENTS_BYTES = 1024 ** 2;

export interface Check {
  ok: boolean;
  detail?: string;
}
export type Checks = Record<'ffmpeg' | 'room' | 'uploadsAndSegments' | 'manifests', Check>;

/**
 * @param freshMs milliseconds for which the outcome of a look holds.
 * @returns what gives the outcome of the last look, or of a new one. Calls during a look share it.
 */
export function createReadiness(services: Services, config: Config, freshMs: number): () => Promise<Checks> {
  const { storage, library, selfTest, tools, log } = services;

  /** ffprobe and ffmpeg encode a second of audio. */
  const ffmpeg = async (): Promise<Check> => {
    const trouble = await selfTest.recentFault();
    return trouble === null ? { ok: true, detail: (await tools).version } : { ok: false, detail: trouble };
  };

  const room = async (): Promise<Check> => {
    const { bytes: free } = await storage.room();
    const ok = free >= Math.max(ROOM_FOR_SEGMENTS_BYTES, config.minFreeBytes);
    return { ok, detail: `${free} bytes are free, ${config.minFreeBytes} are kept (MIN_FREE_BYTES)` };
  };

  const checked = async (what: string, check: () => Promise<Check>): Promise<Check> => {
    try {
      return await check();
    } catch (error) {
      log.error({ err: error, check: what }, 'not ready');
      return { ok: false, detail: `${what} failed; the log says why` };
    }
  };
  const writing = (what: string, write: () => Promise<void>) =>
    checked(`writing to ${what}`, () => write().then(() => ({ ok: true })));

  return shared(freshMs, async () => {
    const [ffmpegCheck, roomCheck, uploadsAndSegments, manifests] = await Promise.all([
      ffmpeg(),
      checked('asking for the free room', room),
      writing('uploads/ and segments/', () => storage.assertWritable()),
      writing('manifests/', () => library.assertWritable()),
    ]);
    return { ffmpeg: ffmpegCheck, room: roomCheck, uploadsAndSegments, manifests };
  });
}

/** Runs `look` once for all callers that come while it runs, or within `freshMs` after it. A failure is not kept. */
function shared<T>(freshMs: number, look: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let freshUntil = 0;
  return () => {
    if (last && performance.now() < freshUntil) return last;
    const looking = look();
    last = looking;
    freshUntil = Number.POSITIVE_INFINITY;
    const endAfter = (ms: number) => () => {
      freshUntil = performance.now() + ms;
    };
    looking.then(endAfter(freshMs), endAfter(0));
    return looking;
  };
}
