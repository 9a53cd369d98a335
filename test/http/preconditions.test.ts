import { describe, expect, it } from 'vitest';
import { assertIfMatch } from '../../src/http/preconditions.ts';

const check =
  (header: string | undefined, etag = '"a,b"') =>
  () =>
    assertIfMatch(header, etag);

describe('If-Match', () => {
  it.each([undefined, '*', ' * ', '"a,b"', '"x", "a,b"', '"x","a,b",W/"y"', ', ,"a,b"'])(
    '%s matches',
    (header) => {
      expect(check(header)).not.toThrow();
    },
  );

  it.each(['"a"', 'W/"a,b"', '"x", W/"a,b"', 'a,b', '', '"A,B"', '"*"', "'a,b'"])(
    '%s does not match',
    (header) => {
      expect(check(header)).toThrow(expect.objectContaining({ status: 412, code: 'precondition_failed' }));
    },
  );
});
