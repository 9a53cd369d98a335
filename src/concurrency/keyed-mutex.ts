/** Steps that concern the same thing go one after the other; others do not wait for them. */
export interface KeyedMutex {
  /** Runs `step` once all earlier steps under `key` have settled; settles as it does. */
  run<T>(key: string, step: () => Promise<T>): Promise<T>;
  /** Resolves when all steps taken so far have settled. */
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
