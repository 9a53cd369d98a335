/**
 * Tells quickly which texts cannot contain a word: a search looks at the few others only.
 *
 * The signature of a text has a bit for each letter, and one of 256 bits for each two characters in a row and for each character
 * beyond ASCII. A text that contains a
 * word has all bits of the word. Some 22 % of the bits of a usual text are set, so that a word of five characters is looked for in
 * a few per cent of the texts. A signature takes 36 bytes.
 */
import type { TrackStatus } from '../tracks/status.ts';

export interface Signatures {
  /** Returns the number of a new signature. */
  add(text: string, status: TrackStatus): number;
  set(slot: number, text: string, status: TrackStatus): void;
  remove(slot: number): void;
  /** Returns a check that is true for every signature whose text contains all words and whose status is that one. */
  filter(words: readonly string[], status: TrackStatus | undefined): (slot: number) => boolean;
}

/** 32 bits each: one of letters and status, eight of pairs. */
const WORDS = 9;
const STATUS_BITS: Record<TrackStatus, number> = { processing: 1 << 29, ready: 1 << 30, failed: 1 << 31 };
const [SMALL_A, SMALL_Z] = [97, 122];

export function createSignatures(): Signatures {
  let bits = new Uint32Array(0);
  let count = 0;
  const free: number[] = [];
  const scratch = new Uint32Array(WORDS);

  const set = (slot: number, text: string, status: TrackStatus) => {
    describe(scratch, text);
    scratch[0] = (scratch[0] as number) | STATUS_BITS[status];
    bits.set(scratch, slot * WORDS);
  };

  return {
    add(text, status) {
      const slot = free.pop() ?? count++;
      if (count * WORDS > bits.length) {
        const larger = new Uint32Array(Math.max(WORDS * 256, Math.ceil(count * 1.3) * WORDS));
        larger.set(bits);
        bits = larger;
      }
      set(slot, text, status);
      return slot;
    },
    set,
    remove: (slot) => void free.push(slot),
    filter(words, status) {
      // A line break between two words makes no pair.
      const wanted = new Uint32Array(WORDS);
      describe(wanted, words.join('\n'));
      if (status) wanted[0] = (wanted[0] as number) | STATUS_BITS[status];
      const places = [...wanted.keys()].filter((at) => wanted[at] !== 0);
      return (slot) => {
        for (const at of places) {
          const mask = wanted[at] as number;
          if (((bits[slot * WORDS + at] as number) & mask) >>> 0 !== mask) return false;
        }
        return true;
      };
    },
  };
}

/** Writes the bits of a text. */
function describe(into: Uint32Array, text: string): void {
  into.fill(0);
  let before = LINE_BREAK;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit !== LINE_BREAK) {
      if (unit > LAST_OF_ASCII) setPair(into, 0, unit);
      else {
        const letter = unit >= SMALL_A && unit <= SMALL_Z ? unit - SMALL_A : 26 + (unit % 3);
        into[0] = (into[0] as number) | (1 << letter);
      }
      if (before !== LINE_BREAK) setPair(into, before, unit);
    }
    before = unit;
  }
}
const LINE_BREAK = 10;
const LAST_OF_ASCII = 127;

function setPair(into: Uint32Array, one: number, other: number): void {
  const hash = Math.imul(one * 31 + other, 0x9e3779b1) >>> 24;
  const place = 1 + (hash >>> 5);
  into[place] = (into[place] as number) | (1 << (hash & 31));
}
