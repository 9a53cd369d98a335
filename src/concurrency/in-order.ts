/**
 * Does work for each item, `count` at a time, and yields the results in the order of the items. No more than `count` results
 * wait to be taken.
 *
 * @throws the first failure in that order.
 */
export async function* inOrder<T, U>(
  items: Iterable<T>,
  count: number,
  work: (item: T) => Promise<U>,
): AsyncGenerator<U> {
  const begun: Promise<U>[] = [];
  for (const item of items) {
    const result = work(item);
    // Its failure is thrown when its turn comes, or not at all where the caller has stopped before.
    result.catch(() => {});
    begun.push(result);
    if (begun.length >= count) yield (await begun.shift()) as U;
  }
  for (const result of begun) yield await result;
}
