import { describe, expect, it } from 'vitest';
import { createUploadOrder, decodeCursor, encodeCursor, type Place } from '../../src/library/order.ts';

const place = (filename: string, second: number): Place => ({
  filename,
  uploadedAt: new Date(1_700_000_000_000 + second * 1000).toISOString(),
});

describe('tracks that were copied with their time', () => {
  const all = [place('a', 1), place('b', 2), place('c', 2), place('d', 2), place('e', 3)];

  it.each([
    ['newest first', false, ['e', 'd', 'c', 'b', 'a']],
    ['oldest first', true, ['a', 'b', 'c', 'd', 'e']],
  ])('are each on one page, %s', (_, oldestFirst, expected) => {
    const order = createUploadOrder();
    order.addAll(all.toReversed());
    const names: string[] = [];
    let after: Place | undefined;
    for (;;) {
      const [next] = order.next({ after, count: 1, oldestFirst });
      if (!next) break;
      names.push(next.filename);
      after = decodeCursor(encodeCursor(next));
    }
    expect(names).toEqual(expected);
  });

  it('are removed one by one', () => {
    const order = createUploadOrder();
    for (const each of all) order.add(each);
    order.remove(place('c', 2));
    order.remove(place('c', 2));
    order.remove(place('none', 2));
    const left = order.next({ after: undefined, count: 10, oldestFirst: true });
    expect(left.map(({ filename }) => filename)).toEqual(['a', 'b', 'd', 'e']);
  });
});

it('a cursor of an earlier version, which is a time alone, still leads on', () => {
  const order = createUploadOrder();
  order.addAll([place('a', 1), place('b', 2), place('c', 3)]);
  const after = decodeCursor(Buffer.from(place('b', 2).uploadedAt).toString('base64url'));
  expect(order.next({ after, count: 10, oldestFirst: false })).toEqual([place('a', 1)]);
});
