import { expect, it } from 'vitest';
import { parsePatch } from '../../src/http/json-patch-body.ts';

it('parses JSON, also that of keys which look dangerous and are not', () => {
  expect(parsePatch('{"a": [1, {"constructor": null}]}')).toEqual({ a: [1, { constructor: null }] });
});

it.each([
  ['', 'JSON'],
  ['{"a"', 'JSON'],
  ['{"a": {"__proto__": {"x": 1}}}', '__proto__'],
  ['{"a": [-1e999]}', '1.8e308'],
  ['[[{"\\u005f_proto__": 1}]]', '__proto__'],
  [`${'['.repeat(14)}${']'.repeat(14)}`, 'nested deeper'],
  [`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 'nested deeper'],
])('refuses %.40s', (text, detail) => {
  expect(() => parsePatch(text)).toThrow(detail);
  expect(() => parsePatch(text)).toThrow(expect.objectContaining({ status: 400, code: 'invalid_body' }));
});
