import { describe, expect, it } from 'vitest';
import { patternOf, trigramText } from '../../src/library/trigram-text.ts';

describe('trigram text', () => {
  it.each([
    ['bjork-2.mp3', 'bjork-2.mp3'],
    ['ж', '\u0002AEDG\u0002'],
    ['a東京b', 'a\u0002GHHB\u0002\u0002EOKM\u0002b'],
    ['\u{1f3b5}', '\u0002NIDM\u0002\u0002NPLF\u0002'],
  ])('of %s is %j', (text, expected) => expect(trigramText(text)).toBe(expected));

  it('contains what the text contains, and nothing else', () => {
    const characters = ['a', 'ж', 'д', '東', '\u6771', '\u7167', '4', ' '];
    const texts = characters.flatMap((one) =>
      characters.flatMap((two) => characters.map((three) => one + two + three)),
    );
    const parts = characters.flatMap((one) => ['', ...characters].map((two) => one + two));
    for (const text of texts) {
      for (const part of parts)
        expect(trigramText(text).includes(trigramText(part))).toBe(text.includes(part));
    }
  });
});

it.each([
  ['50%', '%50\\%%'],
  ['a_b\\', '%a\\_b\\\\%'],
])('the pattern of %s is %s', (word, pattern) => expect(patternOf(word)).toBe(pattern));
