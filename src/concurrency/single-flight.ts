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
  const flights = new Map<K, { result?: Promise<V> }>();
  return {
    run(key, call) {
      const underWay = flights.get(key)?.result;
      if (underWay !== undefined) return underWay;
      const flight: { result?: Promise<V> } = {};
      flights.set(key, flight);
      const isCurrent = () => flights.get(key) === flight;
      const start = async () => call(isCurrent);
      flight.result = start().finally(() => {
        if (isCurrent()) flights.delete(key);
      });
      return flight.result;
    },
    forget: (key) => void flights.delete(key),
    keys: () => flights.keys(),
  };
}
