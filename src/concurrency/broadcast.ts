/** Tells a value to all callers that wait for the next one. A value for which no caller waits is told to none. */

export interface Broadcast<T> {
  send(value: T): void;
  /** Resolves with the next value. Rejects with the signal's reason when that is aborted first. */
  next(options?: { signal: AbortSignal }): Promise<T>;
}

/** Creates a broadcast. A caller that has given up leaves nothing behind. */
export function createBroadcast<T>(): Broadcast<T> {
  let waiters = new Set<(value: T) => void>();

  return {
    send(value) {
      const told = waiters;
      waiters = new Set();
      for (const resolve of told) resolve(value);
    },
    next(options) {
      const signal = options?.signal;
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const leave = () => {
          waiters.delete(tell);
          reject(signal?.reason);
        };
        const tell = (value: T) => {
          signal?.removeEventListener('abort', leave);
          resolve(value);
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiters.add(tell);
      });
    },
  };
}
