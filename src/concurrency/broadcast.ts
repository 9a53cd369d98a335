/** Tells a value to all who wait for the next one. A value that nobody waits for is told to nobody. */
import { createDeferred, unlessAborted } from './deferred.ts';

export interface Broadcast<T> {
  send(value: T): void;
  /** Resolves with the next value. Rejects with the signal's reason when that is aborted first. */
  next(options?: { signal: AbortSignal }): Promise<T>;
}

export function createBroadcast<T>(): Broadcast<T> {
  let coming = createDeferred<T>();

  return {
    send(value) {
      const { resolve } = coming;
      coming = createDeferred();
      resolve(value);
    },
    next: (options) => (options ? unlessAborted(coming.promise, options.signal) : coming.promise),
  };
}
