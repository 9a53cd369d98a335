/** Where sound lies against the sound that it was made of, to the sample. */

/**
 * How alike two stretches of noise must be in the same place to be alike in no other: within 18 degrees. What is within 18
 * degrees of two stretches makes these alike by cos 36 degrees, 0.81; noise without its upper half is like itself a sample
 * later by 0.64 only.
 */
const SURELY_IN_PLACE = 0.95;

/**
 * By how many samples `actual` is late against the noise `expected` around sample `at`: where the two are most alike.
 * Searches only where they are not surely in place.
 */
export function lagAt(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  at: number,
  { window = 1500, reach = 1200 } = {},
): number {
  if (likeness(actual, expected, { at, window }) > SURELY_IN_PLACE) return 0;
  const products = correlation(actual, expected, { at, window, reach });
  return products.indexOf(Math.max(...products)) - reach;
}

/** How like two stretches are, however loud: 1 where they are the same. */
export function likeness(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { at, window }: { at: number; window: number },
): number {
  let [product, mine, theirs] = [0, 0, 0];
  for (let n = at; n < at + window; n++) {
    const [a, b] = [actual[n] ?? 0, expected[n] ?? 0];
    product += a * b;
    mine += a * a;
    theirs += b * b;
  }
  return product / Math.sqrt(mine * theirs || 1);
}

/** Products of the stretch of `expected` with those of `actual` that begin from `reach` before it to `reach` after it. */
function correlation(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { at, window, reach }: { at: number; window: number; reach: number },
): Float64Array {
  const size = 2 ** Math.ceil(Math.log2(window + 2 * reach));
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  const [otherRe, otherIm] = [new Float64Array(size), new Float64Array(size)];
  for (let n = 0; n < window + 2 * reach; n++) re[n] = actual[at - reach + n] ?? 0;
  for (let n = 0; n < window; n++) otherRe[n] = expected[at + n] ?? 0;
  transform(re, im);
  transform(otherRe, otherIm);
  for (let k = 0; k < size; k++) {
    const [a, b, c, d] = [re[k], im[k], otherRe[k], otherIm[k]] as [number, number, number, number];
    // By the conjugate; and conjugated once more, so that the transform goes backwards.
    re[k] = a * c + b * d;
    im[k] = a * d - b * c;
  }
  transform(re, im);
  return re.subarray(0, 2 * reach + 1);
}

/** Fourier transform in place (Cooley and Tukey), of a length that is a power of two. */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  for (let n = 1, reversed = 0; n < size; n++) {
    let bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n >= reversed) continue;
    for (const part of [re, im]) {
      const kept = part[n] as number;
      part[n] = part[reversed] as number;
      part[reversed] = kept;
    }
  }
  for (let length = 2; length <= size; length *= 2) {
    const half = length / 2;
    const cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / length));
    const sines = Float64Array.from({ length: half }, (_, k) => -Math.sin((2 * Math.PI * k) / length));
    for (let from = 0; from < size; from += length) {
      for (let k = 0; k < half; k++) {
        const [low, high] = [from + k, from + k + half];
        const [c, s] = [cosines[k] as number, sines[k] as number];
        const [x, y] = [re[high] as number, im[high] as number];
        const [turnedX, turnedY] = [x * c - y * s, x * s + y * c];
        const [lowX, lowY] = [re[low] as number, im[low] as number];
        re[low] = lowX + turnedX;
        im[low] = lowY + turnedY;
        re[high] = lowX - turnedX;
        im[high] = lowY - turnedY;
      }
    }
  }
}
