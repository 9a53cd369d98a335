/** What a cluster has started, to be ended in reverse. */

interface Removable {
  remove(): Promise<void>;
}

export interface Running {
  /**
   * Waits for all starts, also when one fails, for what has started must be ended.
   *
   * @throws the error of a start that failed, or the reason of the signal.
   */
  all<T extends Removable[]>(...starts: { [K in keyof T]: Promise<T[K]> }): Promise<T>;
  /** Ends everything, what was started last first. */
  end(): Promise<void>;
}

/** @param options.signal stops the start after the step that is under way. */
export function createRunning({ signal }: { signal: AbortSignal }): Running {
  const running: Removable[] = [];
  return {
    async all<T extends Removable[]>(...starts: { [K in keyof T]: Promise<T[K]> }) {
      for (const each of await Promise.allSettled<Removable>(starts)) {
        if (each.status === 'fulfilled') running.push(each.value);
      }
      signal.throwIfAborted();
      return (await Promise.all(starts)) as T;
    },
    async end() {
      for (const each of running.splice(0).reverse()) await each.remove();
    },
  };
}
