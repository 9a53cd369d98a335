/** A fixed number of workers, first come, first served. */

export interface Workers {
  /** Runs `task` when a worker is free; rejects with the signal's reason when it is aborted while waiting. */
  use<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T>;
}

export function createWorkers(count: number): Workers {
  let free = count;
  const queue: (() => void)[] = [];
  return {
    async use(signal, task) {
      signal.throwIfAborted();
      if (free > 0) free--;
      else {
        await new Promise<void>((resolve, reject) => {
          const turn = () => {
            signal.removeEventListener('abort', leave);
            resolve();
          };
          const leave = () => {
            queue.splice(queue.indexOf(turn), 1);
            reject(signal.reason);
          };
          signal.addEventListener('abort', leave, { once: true });
          queue.push(turn);
        });
      }
      try {
        return await task();
      } finally {
        const next = queue.shift();
        if (next) next();
        else free++;
      }
    },
  };
}
