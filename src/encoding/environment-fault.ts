/**
 * Tells a fault of the machine (a full disk, a folder that cannot be written, an ffmpeg that does not work) from one of the
 * track. The machine recovers, and the track waits for that.
 */
import { AppError, hasCode } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { SelfTest } from './self-test.ts';

const NO_ANSWER = 'The storage does not answer.';

/** Resolves with a sentence that says what is wrong with the machine, or with null where the track is at fault. */
export async function environmentFault(
  error: unknown,
  { storage, selfTest }: { storage: Storage; selfTest: SelfTest },
): Promise<string | null> {
  const code = codeOf(error);
  // The storage may answer again by now. The track was not at fault all the same.
  if (code === 'storage_unavailable') return NO_ANSWER;
  if (code === 'storage_full' || hasCode(error, 'ENOSPC', 'EDQUOT')) return 'The disk is full.';
  const cannotWrite = await storage.assertWritable().then(
    () => null,
    (cause: Error) =>
      codeOf(cause) === 'storage_unavailable' ? NO_ANSWER : `Nothing can be stored: ${cause.message}.`,
  );
  if (cannotWrite !== null) return cannotWrite;
  return selfTest.fault();
}

function codeOf(error: unknown): string | undefined {
  return error instanceof AppError ? error.code : undefined;
}
