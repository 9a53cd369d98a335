import { expect, it } from 'vitest';
import { boundaryOf } from '../../../src/http/multipart/boundary.ts';

it.each([
  ['multipart/form-data; boundary=b', 'b'],
  [
    'multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW',
    '----WebKitFormBoundary7MA4YWxkTrZu0gW',
  ],
  ['multipart/form-data; charset=utf-8; Boundary="a b\'()+_,-./:=?"; x=y', "a b'()+_,-./:=?"],
  ['multipart/form-data; boundary==_x', '=_x'],
  [`multipart/form-data; boundary=${'b'.repeat(70)}`, 'b'.repeat(70)],
])('reads the boundary of %s', (contentType, boundary) => {
  expect(boundaryOf(contentType)).toBe(boundary);
});

it.each([
  undefined,
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary="b "',
  'multipart/form-data; boundary="\\""',
  'multipart/form-data; boundary=b; boundary=b',
  'multipart/form-data; boundary=ä',
  `multipart/form-data; boundary=${'b'.repeat(71)}`,
  `multipart/form-data; boundary=${'b'.repeat(253)}`,
])('refuses %s', (contentType) => {
  expect(() => boundaryOf(contentType)).toThrow(expect.objectContaining({ code: 'malformed_multipart' }));
});
