/** Runs a piece of work once for all callers that ask for it while it runs. Nothing is remembered afterwards. */
export interface SingleFlight<K, V> {
  /**
   * Joins the call under way for `key`, or starts `call`. Settles as the call does, for all callers alike.
   *
   * @param call is given a function that tells whether the call still counts: false after `forget`.
   */
  run(key: K, call: (isCurrent: () => boolean) => Promise<V>): Promise<V>;
  /** Lets the next caller start anew. Callers that wait already get the outcome of the old call. */
  forget(key: K): void;
  /** The keys of the calls under way. */
  keys(): Iterable<K>;
}

export function createSingleFlight<K, V>(): SingleFlight<K, V> {
  const flights = new Map<K, Promise<V>>();
  return {
    run(key, call) {
      const underWay = flights.get(key);
      if (underWay !== undefined) return underWay;
      const isCurrent = () => flights.get(key) === flight;
      const start = async () => call(isCurrent);
      const flight = start().finally(() => {
        if (isCurrent()) flights.delete(key);
      });
      flights.set(key, flight);
      return flight;
    },
    forget: (key) => void flights.delete(key),
    keys: () => flights.keys(),
  };
}
