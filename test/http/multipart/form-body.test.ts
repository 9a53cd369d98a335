import { getDefaultHighWaterMark, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { FormBody } from '../../../src/http/multipart/form-body.ts';

const HEADER = 'Content-Disposition: form-data; name="a"';
/** More than the two buffers of a stream hold: 16 KiB each on Node 20, 64 KiB from 22 on. */
const OVERHEAD = 3 * getDefaultHighWaterMark(false);

/** Passes a body through in pieces, and resolves with the output. */
async function through(text: string, size = text.length): Promise<string> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < text.length; at += size)
    pieces.push(Buffer.from(text.slice(at, at + size), 'latin1'));
  const body = new FormBody({ boundary: 'b', overheadBytes: OVERHEAD });
  const source = Readable.from(pieces);
  return (await buffer(source.pipe(body))).toString('latin1');
}

const form = `--b\r\n${HEADER}\r\n\r\none\r\n--b\r\nX: y\r\n${HEADER}; filename="f"\r\n\r\ntwo\r\n--c\r\n\r\n\r\n--b--\r\n`;

describe('a well-formed form', () => {
  it.each([1, 2, 3, 5, 7, 11, 1000])('passes unchanged in pieces of %d bytes', async (size) => {
    expect(await through(form, size)).toBe(`\r\n${form}`);
  });

  it.each([1, 4, 1000])('loses bytes before and after it in pieces of %d bytes', async (size) => {
    expect(await through(`before\r\n--c\r\n${form}behind\r\n${form}`, size)).toBe(`\r\n${form}`);
  });

  it('loses the padding after its boundaries', async () => {
    const padded = form.replaceAll('--b\r\n', '--b \t\r\n').replace('--b--', '--b-- ');
    expect(await through(padded)).toBe(`\r\n${form}`);
  });

  it('may be empty', async () => {
    expect(await through('--b--')).toBe('\r\n--b--\r\n');
  });

  it('may have a folded header', async () => {
    const folded = form.replace('; name', ';\r\n name');
    expect(await through(folded, 3)).toBe(`\r\n${folded}`);
  });

  it('keeps every byte of content that resembles a boundary', async () => {
    const content = '\r\r\n\r\n-\r\n--\r\n--a\r\n--B\r\n-b\n--b';
    for (const size of [1, 2, 3, 9, 100]) {
      expect(await through(`--b\r\n${HEADER}\r\n\r\n${content}\r\n--b--\r\n`, size)).toContain(
        `\r\n\r\n${content}\r\n--b--`,
      );
    }
  });
});

describe('a form is refused', () => {
  it.each([
    ['that ends early', form.slice(0, -5)],
    ['that has no boundary', 'x'.repeat(100)],
    ['with bytes after a boundary', form.replace('--b\r\n', '--bb\r\n')],
    ['with one dash after a boundary', form.replace('--b--', '--b-')],
    ['with endless padding', form.replace('--b\r\n', `--b${' '.repeat(200)}\r\n`)],
    ['with a part without a header', form.replace(HEADER, '')],
    ['with a part of only a line break', form.replace(`${HEADER}\r\n\r\none`, '')],
    ['with a part that ends in its header', form.replace(`${HEADER}\r\n\r\none`, HEADER)],
    ['with a part without Content-Disposition', form.replace(HEADER, 'X: y')],
    ['with two Content-Dispositions in one part', form.replace(HEADER, `${HEADER}\r\n${HEADER}`)],
    ['with a part that is an attachment', form.replace('form-data', 'attachment')],
    ['with a part that is form-data-like', form.replace('form-data', 'form-database')],
    ['with an invalid header line', form.replace('X: y', 'X y')],
    ['with a space before a colon', form.replace('Disposition:', 'Disposition :')],
    ['with a bare line feed in a header', form.replace('X: y', 'X: y\nZ: z')],
    ['with a bare carriage return in a header', form.replace('X: y', 'X: y\rZ')],
    ['with a header that is too long', form.replace('X: y', `X: ${'y'.repeat(8200)}`)],
  ])('%s', async (_what, text) => {
    for (const size of [1, 3, 100_000]) {
      await expect(through(text, size)).rejects.toMatchObject({ code: 'malformed_multipart', status: 400 });
    }
  });

  it('with too many bytes beside its file, but not for the size of its file', async () => {
    const long = form.replace('two', 'x'.repeat(4 * OVERHEAD));
    await expect(through(long, 1000)).rejects.toMatchObject({ code: 'malformed_multipart' });
    const body = new FormBody({ boundary: 'b', overheadBytes: OVERHEAD });
    body.on('data', (chunk: Buffer) => {
      if (chunk.includes('xxx')) body.tookOfFile(chunk.length);
    });
    const pieces = Array.from({ length: Math.ceil(long.length / 1000) }, (_, n) =>
      Buffer.from(long.slice(n * 1000, (n + 1) * 1000)),
    );
    await expect(buffer(Readable.from(pieces).pipe(body))).resolves.toHaveLength(long.length + 2);
  });
});
