/** Runs steps of the same key one after the other. Steps of different keys do not wait for each other. */
export interface KeyedMutex {
  /** Runs `step` once all earlier steps of `key` have settled, and settles as `step` does. */
  run<T>(key: string, step: () => Promise<T>): Promise<T>;
  /** Resolves when all steps that were added so far have settled. */
  idle(): Promise<void>;
}

export function createKeyedMutex(): KeyedMutex {
  const last = new Map<string, Promise<void>>();
  return {
    run(key, step) {
      const turn = (last.get(key) ?? Promise.resolve()).then(step);
      const settled = turn
        .then(
          () => {},
          () => {},
        )
        .finally(() => {
          if (last.get(key) === settled) last.delete(key);
        });
      last.set(key, settled);
      return turn;
    },
    async idle() {
      await Promise.all(last.values());
    },
  };
}
