import { describe, expect, it } from 'vitest';
import { filenameKey, isSafeFilename, numberedFilename, safeFilename } from '../../src/tracks/filename.ts';

const bytesOf = (text: string) => Buffer.byteLength(text);
const quoted = (name: string) => JSON.stringify(name);

describe('safeFilename', () => {
  it.each([
    ['keeps a plain name', 'audio.mp3', 'audio.mp3'],
    ['keeps capitals, digits, dots and underscores', 'A_b.2.Mix.MP3', 'A_b.2.Mix.MP3'],
    ['keeps letters of any script', 'Grüße-日本-мир.mp3', 'Grüße-日本-мир.mp3'],
    ['keeps the marks of Hindi', 'हिन्दी गीत.mp3', 'हिन्दी-गीत.mp3'],
    ['composes decomposed letters', 'Cafe\u0301.mp3', 'Caf\u00e9.mp3'],
    ['makes one dash of all characters between words', 'a  &?#%$ b.mp3', 'a-b.mp3'],
    ['drops an emoji in front', '🎵 song.mp3', 'song.mp3'],
    ['makes a dash of an emoji behind', 'song 👩‍🎤.mp3', 'song-.mp3'],
    ['calls a name of only emoji a track', '🎵🎶.mp3', 'track.mp3'],
    ['takes the last part of a path', '../../etc/passwd', 'passwd'],
    ['takes the last part of a Windows path', 'C:\\x\\y.mp3', 'y.mp3'],
    ['makes a dash of NUL', 'a\0b.mp3', 'a-b.mp3'],
    ['makes a dash of line ends', 'a\r\nb.mp3', 'a-b.mp3'],
    ['makes a dash of a lone surrogate', 'a\ud800b.mp3', 'a-b.mp3'],
    ['calls no name a track', '', 'track'],
    ['calls a folder a track', 'music/', 'track'],
    ['calls dots a track', '..', 'track'],
    ['calls a name of only an extension a track', '.mp3', 'track.mp3'],
    ['calls dashes a track', '---.mp3', 'track.mp3'],
    ['drops leading dots', '..hidden.mp3', 'hidden.mp3'],
    ['drops leading dashes', '--rf.mp3', 'rf.mp3'],
    ['drops alternating leading dots and dashes', '.-.-x.mp3', 'x.mp3'],
    ['drops trailing dots', 'song.mp3...', 'song.mp3'],
    ['drops a trailing dot of a name without extension', 'song.', 'song'],
    ['marks a Windows device', 'con.mp3', 'con-.mp3'],
    ['marks a Windows device without extension', 'CON', 'CON-'],
    ['marks a Windows device with two extensions', 'nul.tar.mp3', 'nul-.tar.mp3'],
    ['marks a Windows device behind a leading dot', '.aux.mp3', 'aux-.mp3'],
    ['marks a Windows device with a digit', 'Com1.wav', 'Com1-.wav'],
    ['marks a Windows device with a superscript digit', 'lpt¹.wav', 'lpt¹-.wav'],
    ['keeps a name that only begins like a device', 'console.mp3', 'console.mp3'],
  ])('%s', (_what, original, expected) => {
    expect(safeFilename(original)).toBe(expected);
  });

  it.each([
    ['one byte a letter', `${'a'.repeat(296)}.mp3`, `${'a'.repeat(196)}.mp3`],
    ['three bytes a letter', `${'音'.repeat(100)}.mp3`, `${'音'.repeat(65)}.mp3`],
    ['four bytes a letter', `${'𠀀'.repeat(75)}.flac`, `${'𠀀'.repeat(48)}.flac`],
    ['no extension', 'a'.repeat(300), 'a'.repeat(200)],
    ['a cut that falls behind a dot', `${'a'.repeat(199)}.${'b'.repeat(30)}`, 'a'.repeat(199)],
    ['a device', `con.${'b'.repeat(296)}`, `con-.${'b'.repeat(195)}`],
  ])('cuts 300 bytes down to 200 and keeps the extension: %s', (_what, original, expected) => {
    expect(safeFilename(original)).toBe(expected);
  });

  it('cuts between code points', () => {
    for (let lead = 0; lead < 8; lead++) {
      const safe = safeFilename(`${'a'.repeat(lead)}${'𠀀é音'.repeat(40)}.mp3`);
      expect(bytesOf(safe)).toBeLessThanOrEqual(200);
      expect(bytesOf(safe)).toBeGreaterThan(196);
      expect(safe.isWellFormed()).toBe(true);
      expect(safe.endsWith('.mp3')).toBe(true);
    }
  });

  it('makes any input safe, and keeps a safe name as it is', () => {
    const device = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
    for (const original of randomNames(4000)) {
      const safe = safeFilename(original);
      const about = `${quoted(original)} became ${quoted(safe)}`;
      expect(isSafeFilename(safe), about).toBe(true);
      expect(device.test(safe) || safe.endsWith('.'), about).toBe(false);
      expect(safeFilename(safe), about).toBe(safe);
    }
  });
});

describe('numberedFilename', () => {
  it.each([
    ['audio.mp3', 1, 'audio.mp3'],
    ['audio.mp3', 2, 'audio-2.mp3'],
    ['audio.mp3', 10, 'audio-10.mp3'],
    ['track', 3, 'track-3'],
    ['archive.tar.gz', 2, 'archive.tar-2.gz'],
    ['audio-2.mp3', 2, 'audio-2-2.mp3'],
  ])('%s, number %i, is %s', (filename, n, expected) => {
    expect(numberedFilename(filename, n)).toBe(expected);
  });

  it.each(['a', 'é', '音', '𠀀'])('shortens a name full of "%s" to add the number', (letter) => {
    const full = safeFilename(`${letter.repeat(300)}.mp3`);
    const names = [2, 99, 1_000_000].map((n) => numberedFilename(full, n));
    expect(new Set(names).size).toBe(3);
    expect(names.filter(isSafeFilename)).toEqual(names);
    expect(names[2]).toMatch(/-1000000\.mp3$/);
  });
});

describe('isSafeFilename', () => {
  it.each(['audio.mp3', 'Grüße.mp3', 'हिन्दी.mp3', '_x', 'a-2.mp3', 'a'.repeat(200)])('accepts %s', (name) => {
    expect(isSafeFilename(name)).toBe(true);
  });

  it.each([
    ...['', '.', '..', '../audio.mp3', '/etc/passwd', 'a/b', 'a\\b', '..\\a', 'C:a'],
    ...['a\0', '\0', 'a\n', ' a', 'a b', '%2e%2e', 'a?b', 'a#b', 'a$b', 'a"b', 'a<b', 'a&b', '🎵.mp3'],
    ...['.hidden', '-rf', 'Cafe\u0301.mp3', '\ud800', 'a'.repeat(201), '音'.repeat(67)],
  ])('refuses %j', (name) => {
    expect(isSafeFilename(name)).toBe(false);
  });
});

describe('filenameKey', () => {
  it.each([
    ['case', 'Audio.MP3', 'aUDIO.mp3'],
    ['case of letters beyond ASCII', 'ÄÖÜ-ЖЯ.mp3', 'äöü-жя.mp3'],
    ['composition', 'Cafe\u0301.mp3', 'CAF\u00c9.mp3'],
    // Windows and macOS treat them as one name: both sigmas have one capital.
    ['small sigma', 'ΟΔΟΣ.mp3', 'οδος.mp3'],
  ])('is the same for any %s', (_what, one, other) => {
    expect(filenameKey(one)).toBe(filenameKey(other));
  });

  it.each([
    ['audio.mp3', 'audio.wav'],
    ['audio.mp3', 'audio-2.mp3'],
    ['a.mp3', 'ä.mp3'],
  ])('differs for %s and %s', (one, other) => {
    expect(filenameKey(one)).not.toBe(filenameKey(other));
  });
});

/** Yields names of troublesome characters in random order and number; the same names in every run. */
function* randomNames(count: number): Generator<string> {
  const random = seededRandom(20_250_314);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const pieces = [
    ...[
      'a',
      'B',
      '7',
      '_',
      'é',
      'e\u0301',
      '\u0301',
      'ß',
      'ﬁ',
      'ก',
      'हि',
      '音',
      '𠀀',
      '¹',
      'Σ',
      'İ',
      'ſ',
      '\u212a',
    ],
    ...['.', '..', '-', '/', '\\', ' ', ':', '*', '%2f', '\0', '\r\n', '\u200d', '\u202e', '\ufeff', '🎵'],
    ...['\ud800', '\udc00', '.mp3', '.tar.gz', 'con', 'NUL', 'com1', 'a'.repeat(60), '音'.repeat(40)],
  ];
  for (let n = 0; n < count; n++) {
    const length = Math.floor(random() * 12);
    yield Array.from({ length }, () =>
      random() < 0.8 ? pick(pieces) : String.fromCharCode(Math.floor(random() * 0x1_0000)),
    ).join('');
  }
}

/** mulberry32 */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
