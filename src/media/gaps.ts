/** Which segments of a rendition are missing. Pure. */

/** Segments `from` (included) to `until` (excluded), counted from 0. */
export interface Gap {
  from: number;
  until: number;
}

/** The gaps between what is stored, in order. */
export function gapsIn(stored: ReadonlySet<number>, segmentCount: number): Gap[] {
  const gaps: Gap[] = [];
  for (let index = 0; index < segmentCount; index++) {
    if (stored.has(index)) continue;
    const open = gaps.at(-1);
    if (open?.until === index) open.until++;
    else gaps.push({ from: index, until: index + 1 });
  }
  return gaps;
}
