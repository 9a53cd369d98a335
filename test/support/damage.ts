/** What happens to files on their way: each makes a damaged one of a whole one. */

const part = (bytes: Buffer, fraction: number) => Math.round(bytes.length * fraction);

export const DAMAGES: Record<string, (whole: Buffer) => Buffer> = {
  'a corrupt spot': (whole) => {
    const bytes = Buffer.from(whole);
    for (let at = part(bytes, 0.4); at < part(bytes, 0.4) + 2000; at++) bytes[at] = (at * 7919) & 0xff;
    return bytes;
  },
  'a hole': (whole) =>
    Buffer.concat([whole.subarray(0, part(whole, 0.36)), whole.subarray(part(whole, 0.396))]),
  truncated: (whole) => whole.subarray(0, part(whole, 0.55)),
  'two joined': (whole) => Buffer.concat([whole, whole.subarray(0, part(whole, 0.45))]),
};
