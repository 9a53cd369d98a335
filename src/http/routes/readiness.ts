/** Checks whether the server can do its work. Results are reused for a while, for a check writes and syncs three files. */
import { createSingleFlight } from '../../concurrency/single-flight.ts';
import type { Config } from '../../config/config.ts';
import type { Services } from '../../services.ts';

/** With less room than this the disk counts as full, even if MIN_FREE_BYTES is lower. */
const ROOM_FOR_SEGMENTS_BYTES = 1024 ** 2;

export interface Check {
  ok: boolean;
  detail?: string;
}
export type Checks = Record<'ffmpeg' | 'room' | 'uploadsAndSegments' | 'manifests', Check>;

/**
 * Creates a function that resolves with the results of the last checks, or of new ones. Calls at the same time share the
 * checks.
 *
 * @param freshMs milliseconds for which results are reused.
 */
export function createReadiness(services: Services, config: Config, freshMs: number): () => Promise<Checks> {
  const { storage, library, selfTest, tools, log } = services;
  const { places } = services.engines;

  /** Checks that ffprobe and ffmpeg encode a second of audio. */
  const ffmpeg = async (): Promise<Check> => {
    const fault = await selfTest.recentFault();
    return fault === null ? { ok: true, detail: (await tools).version } : { ok: false, detail: fault };
  };

  const room = async (): Promise<Check> => {
    const { bytes: free } = await storage.room();
    const ok = free >= Math.max(ROOM_FOR_SEGMENTS_BYTES, config.minFreeBytes);
    return { ok, detail: `${free} bytes are free, ${config.minFreeBytes} must stay free (MIN_FREE_BYTES)` };
  };

  const checked = async (what: string, check: () => Promise<Check>): Promise<Check> => {
    try {
      return await check();
    } catch (error) {
      log.error({ err: error, check: what }, 'readiness check failed');
      return { ok: false, detail: `${what} failed; the log has the reason` };
    }
  };
  const writing = (what: string, write: () => Promise<void>) =>
    checked(`writing to ${what}`, () => write().then(() => ({ ok: true })));

  return shared(freshMs, async () => {
    const [ffmpegCheck, roomCheck, uploadsAndSegments, manifests] = await Promise.all([
      ffmpeg(),
      checked('reading the free room', room),
      writing(places.storage, () => storage.assertWritable()),
      writing(places.library, () => library.assertWritable()),
    ]);
    return { ffmpeg: ffmpegCheck, room: roomCheck, uploadsAndSegments, manifests };
  });
}

/** Runs `check` once for all calls while it runs and within `freshMs` after it. Does not keep a failure. */
function shared<T>(freshMs: number, check: () => Promise<T>): () => Promise<T> {
  const checks = createSingleFlight<'check', T>();
  let last: { outcome: T; freshUntil: number } | undefined;
  const checkAndKeep = async () => {
    const outcome = await check();
    last = { outcome, freshUntil: performance.now() + freshMs };
    return outcome;
  };
  return async () =>
    last && performance.now() < last.freshUntil ? last.outcome : checks.run('check', checkAndKeep);
}
