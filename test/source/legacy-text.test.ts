import { expect, it } from 'vitest';
import { decodeTagBytes } from '../../src/source/legacy-text.ts';

const bytesOf = (text: string) => Buffer.from(text).toString('latin1');

it.each(['plain', 'Björk', '東方', '😀', ''])('decodes %j as UTF-8', (text) => {
  expect(decodeTagBytes(bytesOf(text), 1000)).toBe(text);
});

it.each([
  ['T\xe9st', 'Tést'],
  ['\xe9', 'é'],
  ['\x93quoted\x94', '“quoted”'],
])('decodes %j as Windows-1252', (bytes, text) => {
  expect(decodeTagBytes(bytes, 1000)).toBe(text);
});

it('replaces wrong bytes within UTF-8', () => {
  expect(decodeTagBytes(`${bytesOf('é')} \xff`, 1000)).toBe('é \ufffd');
});

it('decodes no more than the limit, and no half of a character', () => {
  expect(decodeTagBytes('x'.repeat(100), 10)).toBe('x'.repeat(10));
  expect(decodeTagBytes(bytesOf('éé'), 3)).toBe('é');
});
