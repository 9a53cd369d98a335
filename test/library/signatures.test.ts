import { expect, it } from 'vitest';
import { createSignatures } from '../../src/library/signatures.ts';

const texts = ['joga\nbjork\nhomogenic\n01-joga.flac', '\n\n\ntrack-1.mp3', '東京\n\n\na.mp3', ...many()];
function many() {
  return Array.from({ length: 1000 }, (_, n) => `song ${n}\nartist ${n % 30}\n\ntrack-${n}.mp3`);
}

it('lets every text through that contains the words', () => {
  const signatures = createSignatures();
  for (const text of texts) signatures.add(text, 'ready');
  for (const [slot, text] of texts.entries()) {
    for (let at = 0; at < text.length; at += 3) {
      const words = text.slice(at, at + 4).split(/[\n ]/);
      expect(signatures.flags(words, 'ready')[slot], words.join()).toBe(1);
    }
    expect(signatures.flags([], 'failed')[slot]).toBe(0);
  }
});

it('lets few others through', () => {
  const signatures = createSignatures();
  const slots = texts.map((text) => signatures.add(text, 'ready'));
  for (const word of ['bjork', 'zz', '京', 'x']) {
    const flags = signatures.flags([word], undefined);
    const passed = slots.filter((slot) => flags[slot]);
    expect(passed.length, word).toBeLessThan(texts.length / 3);
  }
});

it('gives the number of a removed one to another text', () => {
  const signatures = createSignatures();
  const slots = [signatures.add('aa', 'ready'), signatures.add('bb', 'ready')];
  signatures.remove(slots[0] as number);
  const next = signatures.add('cc', 'failed');
  expect(next).toBe(slots[0]);
  expect(signatures.flags(['aa'], undefined)[next]).toBe(0);
  expect(signatures.flags(['cc'], 'failed')[next]).toBe(1);
});
