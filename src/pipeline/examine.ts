/** Examines received uploads: in turns, and as long as their clients are there. */
import { createCopySource } from '../encoding/copy-source.ts';
import type { SelfTest } from '../encoding/self-test.ts';
import { errors, UnreadableMediaError } from '../errors.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Proven } from '../source/beginning.ts';
import { type Probed, probe } from '../source/probe.ts';
import type { ReceivedUpload, Storage } from '../storage/storage.ts';

export interface ExamineOptions {
  storage: Storage;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  segmentSeconds: number;
  maxDurationSeconds: number;
}

/**
 * Resolves with what an upload is.
 *
 * @param options.holder shares out turns: the name of an API key, or the client's address.
 * @param options.proven returns what an early encode has shown of the upload.
 * @throws {AppError} 415 when the upload is not audio, 503 `probe_unavailable` when ffmpeg or ffprobe do not work, 507 when there
 *   is no room for a copy; the signal's reason.
 */
export type Examine = (
  received: ReceivedUpload,
  options: { holder: string; signal: AbortSignal; proven(): Proven | undefined },
) => Promise<Probed>;

export function createExamine(options: ExamineOptions): Examine {
  const { storage, tools, selfTest, governor, segmentSeconds, maxDurationSeconds } = options;
  const copySource = createCopySource(options);

  const probeInTurn: Examine = async (received, { holder, signal, proven }) => {
    const lease = await governor.probes.take(holder, { signal });
    try {
      const executables = await tools;
      return await storage.usingUpload(received.upload, (input) =>
        probe({
          executables,
          input,
          bytes: received.bytes,
          signal,
          maxDurationSeconds,
          segmentSeconds,
          proven,
          makeCopy: (decoding, copy) => copySource(received, decoding, copy),
        }),
      );
    } finally {
      lease.release();
    }
  };

  return async (received, client) => {
    try {
      return await probeInTurn(received, client);
    } catch (error) {
      // Blame the file only if ffmpeg and ffprobe work.
      const fault = error instanceof UnreadableMediaError ? await selfTest.fault() : null;
      throw fault === null ? error : errors.probeUnavailable(new Error(fault, { cause: error }));
    }
  };
}
