/** Runs two tasks side by side; the first that fails ends the other. */

type Task<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs two tasks at the same time. When one rejects, aborts the other, waits until both have ended, and rejects with the
 * reason of the first.
 */
export async function sideBySide<A, B>(signal: AbortSignal, one: Task<A>, other: Task<B>): Promise<[A, B]> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const guarded = async <T>(task: Task<T>): Promise<T> => {
    try {
      return await task(both);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const tasks = [guarded(one), guarded(other)] as const;
  await Promise.allSettled(tasks);
  if (failed.signal.aborted) throw failed.signal.reason;
  return Promise.all(tasks);
}
