/**
 * Does work for each item, `count` at a time. Begins none after the first failure.
 *
 * @throws the first failure, also of the items themselves, once all work that was begun has settled.
 */
export async function fewAtATime<T>(
  items: Iterable<T> | AsyncIterable<T>,
  count: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  const lane = async () => {
    while (failures.length === 0) {
      const next = await left.next();
      if (next.done) return;
      await work(next.value);
    }
  };
  const lanes = Array.from({ length: count }, () => lane().catch((error: unknown) => failures.push(error)));
  await Promise.all(lanes);
  if (failures.length > 0) throw failures[0];
}
