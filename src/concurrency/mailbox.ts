/** A queue of events that one reader takes in the order in which they came. */
import { createDeferred, unlessAborted } from './deferred.ts';

export interface Mailbox<T> {
  post(event: T): void;
  /** Resolves with the oldest event, as soon as there is one. Rejects with the signal's reason when that is aborted first. */
  next(options: { signal: AbortSignal }): Promise<T>;
  /** Drops all events that nobody has taken. */
  clear(): void;
}

export function createMailbox<T>(): Mailbox<T> {
  const events: T[] = [];
  let arrived = createDeferred<void>();

  return {
    post(event) {
      events.push(event);
      arrived.resolve();
    },
    async next({ signal }) {
      for (;;) {
        signal.throwIfAborted();
        const [event] = events.splice(0, 1);
        if (event !== undefined) return event;
        arrived = createDeferred();
        await unlessAborted(arrived.promise, signal);
      }
    },
    clear() {
      events.length = 0;
    },
  };
}
