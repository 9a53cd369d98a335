/** Tries again what an engine does not answer. */
import { sleep } from '../concurrency/sleep.ts';
import { AppError } from '../errors.ts';

/** Pauses before each new attempt, in milliseconds: half a minute in all, beside the time that each attempt takes. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/**
 * Runs work that may be done twice until the engines answer. Throws as the last attempt, and the signal's reason.
 *
 * @param options.onRetry is told of each failure.
 */
export async function patiently<T>(
  work: () => Promise<T>,
  { signal, onRetry }: { signal: AbortSignal; onRetry(error: Error): void },
): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isUnanswered(error)) throw error;
      onRetry(error);
      await sleep(pauseMs, { signal });
    }
  }
  return work();
}

/** Returns whether an engine has not answered, or not in time. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof AppError && error.code === 'storage_unavailable';
}
