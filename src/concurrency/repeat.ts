/** Repeats a step, never twice at once. */
import { sleep } from './sleep.ts';

/**
 * Runs `step` again and again, with a pause of `ms` milliseconds after each, until the signal. Resolves when the last step is
 * over; a step that rejects does not end it.
 */
export async function repeat(
  ms: number,
  step: () => Promise<void>,
  { signal, onError }: { signal: AbortSignal; onError(error: unknown): void },
): Promise<void> {
  while (!signal.aborted) {
    await step().catch((error: unknown) => {
      if (!signal.aborted) onError(error);
    });
    await sleep(ms, { signal }).catch(() => {});
  }
}
