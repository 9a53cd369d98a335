/**
 * Tells quickly which texts cannot contain a word: a search looks at the few others only.
 *
 * The signature of a text has a bit for each letter, and one of 256 bits for each two characters in a row, for each three, and for
 * each character beyond ASCII. A text that contains a word has all bits of the word. A usual text has a fifth of the bits, so that
 * a word of five characters is looked for in few of the texts that do not have it. A signature takes 68 bytes.
 */
import type { TrackStatus } from '../tracks/status.ts';

export interface Signatures {
  /** Returns the number of a new signature. */
  add(text: string, status: TrackStatus): number;
  set(slot: number, text: string, status: TrackStatus): void;
  remove(slot: number): void;
  /** Returns a flag for each number: 1 where the text may contain all words and the status is that one. */
  flags(words: readonly string[], status: TrackStatus | undefined): Uint8Array;
}

/** Words of 32 bits: one of letters and status, eight of pairs of characters, eight of three in a row. */
const [PAIRS, TRIPLES, WORDS] = [1, 9, 17];
/** A search reads so many of them: each takes a tenth of a millisecond with 100,000 texts. */
const MOST_READ = 8;
const STATUS_BITS: Record<TrackStatus, number> = { processing: 1 << 29, ready: 1 << 30, failed: 1 << 31 };
const [SMALL_A, SMALL_Z] = [97, 122];

export function createSignatures(): Signatures {
  /** A column for each word of a signature: a search reads few of them, from one end to the other. */
  let columns = Array.from({ length: WORDS }, () => new Int32Array(0));
  let count = 0;
  const free: number[] = [];
  const bits = new Int32Array(WORDS);

  const makeRoom = () => {
    const room = columns[0]?.length ?? 0;
    if (count <= room) return;
    columns = columns.map((column) => {
      const larger = new Int32Array(Math.ceil(Math.max(256, count * 1.3)));
      larger.set(column);
      return larger;
    });
  };
  const write = (slot: number) => {
    for (const [place, column] of columns.entries()) column[slot] = bits[place] as number;
  };
  const set = (slot: number, text: string, status: TrackStatus) => {
    describe(bits, text);
    bits[0] = (bits[0] as number) | STATUS_BITS[status];
    write(slot);
  };

  return {
    add(text, status) {
      const slot = free.pop() ?? count++;
      makeRoom();
      set(slot, text, status);
      return slot;
    },
    set,
    remove(slot) {
      bits.fill(0);
      write(slot);
      free.push(slot);
    },
    flags(words, status) {
      // A line break between two words makes no pair.
      describe(bits, words.join('\n'));
      if (status) bits[0] = (bits[0] as number) | STATUS_BITS[status];
      const flags = new Uint8Array(count).fill(1);
      for (const place of tellingWords(bits)) {
        const column = columns[place] as Int32Array;
        const mask = bits[place] as number;
        for (let slot = 0; slot < count; slot++)
          if (((column[slot] as number) & mask) !== mask) flags[slot] = 0;
      }
      return flags;
    },
  };
}

/** Returns the places of those words of a signature that have the most bits. */
function tellingWords(bits: Int32Array): number[] {
  const places = [...bits.keys()].filter((place) => bits[place] !== 0);
  const weightOf = (place: number) => bitsIn(bits[place] as number);
  // The first one tells the status.
  return places
    .sort((one, other) => Number(other === 0) - Number(one === 0) || weightOf(other) - weightOf(one))
    .slice(0, MOST_READ);
}

function bitsIn(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Writes the bits of a text. */
function describe(into: Int32Array, text: string): void {
  into.fill(0);
  let first = 0;
  let second = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === LINE_BREAK) {
      first = 0;
      second = 0;
      continue;
    }
    if (unit >= SMALL_A && unit <= SMALL_Z) set(into, 0, unit - SMALL_A);
    else if (unit <= LAST_OF_ASCII) set(into, 0, 26 + (unit % 3));
    else {
      set(into, PAIRS, hashOf(unit));
      set(into, TRIPLES, hashOf(unit + 1));
    }
    if (second !== 0) set(into, PAIRS, hashOf((second << 5) + second + unit));
    if (first !== 0) set(into, TRIPLES, hashOf((((first << 5) + first + second) << 5) + second + unit));
    first = second;
    second = unit;
  }
}
const LINE_BREAK = 10;
const LAST_OF_ASCII = 127;

/** Returns a number below 256. */
function hashOf(gram: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> 24;
}

function set(into: Int32Array, word: number, bit: number): void {
  const at = word + (bit >>> 5);
  into[at] = (into[at] as number) | (1 << (bit & 31));
}
