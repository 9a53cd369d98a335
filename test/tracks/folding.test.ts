import { describe, expect, it } from 'vitest';
import { fold } from '../../src/tracks/folding.ts';

describe('folded text', () => {
  it.each([
    ['Björk', 'bjork'],
    ['BJO\u0308RK', 'bjork'],
    ['Größe', 'grosse'],
    ['GRÖẞE', 'grosse'],
    ['Mø & Łódź', 'mo & lodz'],
    ['Sigur Rós – Ágætis byrjun', 'sigur ros - agaetis byrjun'],
    ['Þórr', 'thorr'],
    ['İstanbul ıslak', 'istanbul islak'],
    ['ﬁnal ２０ ①', 'final 20 1'],
    ['ΟΔΥΣΣΕΥΣ Ὀδυσσεύς', 'οδυσσευσ οδυσσευσ'],
    ['Ёлка', 'елка'],
    ['  a \t\n\u00a0 b\0c ', 'a b c'],
    ['', ''],
    [' ', ''],
    ['!!!', '!!!'],
    ['AC/DC', 'ac/dc'],
    ['Don’t', "don't"],
    ['東京', '東京'],
    ['ガガ', 'ガガ'],
    ['한국', '한국'],
    ['हिन्दी', 'हिन्दी'],
    ['שָׁלוֹם', 'שלום'],
    ['half \ud83d', 'half \ufffd'],
    ['🎵 Song', '🎵 song'],
  ])('of %j is %j', (text, folded) => expect(fold(text)).toBe(folded));

  it('stays as it is when it is folded again, whatever character it is made of', () => {
    const changed: string[] = [];
    for (let code = 0; code <= 0x1ffff; code++) {
      const folded = fold(`a${String.fromCodePoint(code)}b`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      if (fold(folded) !== folded || /[\0-\x1f]/.test(folded)) changed.push(code.toString(16));
    }
    expect(changed).toEqual([]);
  });
});
