/** The built server as a process of its own, on a free port. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BUILT_SERVER, memoryOf, processorSecondsOf, startServerProcess } from '../testkit/server-process.ts';

/** Settings of a public server: API keys, signed links, and limits. */
const KEY = 'bench-key-0123456789-0123456789-0123456789';
export const AUTHORIZED = { authorization: `Bearer ${KEY}` };

/** The default of SEGMENT_CACHE_BYTES. */
export const CACHE_BYTES = 256 * 1024 ** 2;

export interface BenchServer {
  url: string;
  /** Resolves with the peak of its memory in bytes, or undefined if the system does not report it. */
  peakBytes(): Promise<number | undefined>;
  /** Resolves with its current memory in bytes. */
  residentBytes(): Promise<number | undefined>;
  /** Resolves with its processor time so far, and that of the tools that have ended, in seconds. */
  processorSeconds(): Promise<number>;
  dataDir: string;
  /** Milliseconds from its start to the first response with the list, which waits for the whole library. */
  readyMs: number;
  /** Stops it. @param keep true to keep its data for the next server. */
  stop(keep?: boolean): Promise<void>;
}

/** Shell script that starts endless loops and then runs the server in the same session. */
const BESIDE_LOOPS = 'n=$0; while [ "$n" -gt 0 ]; do (while :; do :; done) & n=$((n - 1)); done; exec "$@"';

/**
 * Starts a server.
 *
 * @param settings beyond the defaults.
 * @param neighbours number of busy loops in the process session of the server.
 */
export async function startServer(
  folder: string,
  settings: Record<string, string> = {},
  neighbours = 0,
): Promise<BenchServer> {
  const dataDir = settings.DATA_DIR ?? path.join(folder, 'data');
  const begin = performance.now();
  const { url, child, exited } = await startServerProcess(
    ['/bin/sh', '-c', BESIDE_LOOPS, String(neighbours), ...BUILT_SERVER],
    {
      DATA_DIR: dataDir,
      MAX_UPLOAD_BYTES: String(8 * 1024 ** 3),
      API_KEYS: `bench:${KEY}`,
      STREAM_SECRET: 'bench-secret-0123456789-0123456789-0123456789',
      ...settings,
    },
    (started) => started.stderr?.pipe(process.stderr),
  );
  // The loops outlive a server that dies.
  const killLoops = () => process.kill(-(child.pid as number), 'SIGKILL');
  if (neighbours > 0) process.once('exit', killLoops);
  await (await fetch(`${url}/files?limit=1`, { headers: AUTHORIZED })).arrayBuffer();
  const readyMs = performance.now() - begin;
  const isReady = () => fetch(`${url}/readyz`).then(({ ok }) => ok);
  while (!(await isReady())) await pause(10);
  return {
    url,
    dataDir,
    readyMs,
    peakBytes: () => memoryOf(child, 'VmHWM'),
    residentBytes: () => memoryOf(child, 'VmRSS'),
    processorSeconds: () => processorSecondsOf(child),
    async stop(keep = false) {
      child.kill('SIGTERM');
      await exited;
      process.off('exit', killLoops);
      // Without any nobody is left in its group.
      if (neighbours > 0) killLoops();
      if (!keep) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
