/**
 * Checks the body of a form on its way to the parser of @fastify/multipart. Passes well-formed forms on, and fails at the
 * first byte that does not belong to one. The parser gets no part that it would skip, no bytes before the first part or
 * after the last, and an end only when the whole body has arrived.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { errors } from '../../errors.ts';
import { assertFormField } from './part-header.ts';

export interface FormBodyOptions {
  boundary: string;
  /** Most bytes of a form beside the content of its file. */
  overheadBytes: number;
}

/** The part of a form that the next bytes belong to. */
type Expected = 'preamble' | 'end of delimiter' | 'header' | 'content' | 'epilogue';

const CRLF = Buffer.from('\r\n');
const DASHES = Buffer.from('--');
const END_OF_HEADER = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
const CR = 0x0d;
/** Most bytes of a part's header. A file name usually has at most 255 bytes, and may come twice, percent-encoded. */
const MAX_HEADER_BYTES = 8 * 1024;
/** Most spaces and tabs after a boundary. Some gateways add them (RFC 2046 section 5.1.1, transport padding). */
const MAX_PADDING_BYTES = 128;

/** Passes a well-formed form through, with a normalised boundary line for each part. */
export class FormBody extends Transform {
  /** The header that @fastify/multipart reads from a request. */
  readonly headers: { 'content-type': string };
  readonly #delimiter: Buffer;
  readonly #overheadBytes: number;
  #expected: Expected = 'preamble';
  /** Bytes that are kept because they may begin a delimiter. Starts with a line break, which the first delimiter lacks. */
  #kept: Buffer = CRLF;
  /** Bytes at the beginning of the content that belong to its header. */
  #borrowed = 0;
  #beyondFile = 0;

  constructor({ boundary, overheadBytes }: FormBodyOptions) {
    super();
    this.headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` };
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    this.#overheadBytes = overheadBytes;
  }

  /** Reports bytes that were content of the file. */
  tookOfFile(bytes: number): void {
    this.#beyondFile -= bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#beyondFile += chunk.length;
    try {
      if (this.#beyondFile > this.#overheadBytes) throw errors.formTooLarge(this.#overheadBytes);
      let rest: Buffer | undefined = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
      this.#kept = NOTHING;
      while (rest !== undefined) rest = this.#take(rest);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#expected !== 'epilogue') {
      done(errors.malformedMultipart('The body ends before the form is complete. Send it again.'));
      return;
    }
    this.push(Buffer.concat([this.#delimiter, DASHES, CRLF]));
    done();
  }

  /** Takes one part of the form. Returns the bytes after it, or undefined if more bytes must arrive first. */
  #take(bytes: Buffer): Buffer | undefined {
    switch (this.#expected) {
      case 'preamble':
      case 'content':
        return this.#takeContent(bytes);
      case 'end of delimiter':
        return this.#takeEndOfDelimiter(bytes);
      case 'header':
        return this.#takeHeader(bytes);
      case 'epilogue':
        return undefined;
    }
  }

  #takeContent(bytes: Buffer): Buffer | undefined {
    const at = bytes.indexOf(this.#delimiter);
    if (at < 0) {
      const kept = this.#startOfDelimiterIn(bytes);
      this.#pass(bytes.subarray(0, bytes.length - kept));
      return this.#keep(bytes.subarray(bytes.length - kept));
    }
    if (at < this.#borrowed) throw errors.malformedMultipart('A part of the form ends in its header.');
    this.#pass(bytes.subarray(0, at));
    this.#expected = 'end of delimiter';
    return bytes.subarray(at + this.#delimiter.length);
  }

  #takeEndOfDelimiter(bytes: Buffer): Buffer | undefined {
    if (bytes.length < DASHES.length) return this.#keep(bytes);
    if (bytes.subarray(0, DASHES.length).equals(DASHES)) {
      this.#expected = 'epilogue';
      return undefined;
    }
    const at = bytes.indexOf(CRLF);
    const padding = bytes.subarray(0, at < 0 ? bytes.length : at);
    const isPadding = padding.length <= MAX_PADDING_BYTES && /^[ \t]*\r?$/.test(padding.toString('latin1'));
    if (!isPadding)
      throw errors.malformedMultipart(
        'A boundary in the form is followed by other bytes. Send the form again.',
      );
    if (at < 0) return this.#keep(bytes);
    this.#expected = 'header';
    // The line break may be the first half of the one that ends an empty header.
    return bytes.subarray(at);
  }

  #takeHeader(bytes: Buffer): Buffer | undefined {
    const at = bytes.indexOf(END_OF_HEADER);
    if ((at < 0 ? bytes.length : at) > MAX_HEADER_BYTES) {
      throw errors.malformedMultipart(
        `The header of a part of the form has more than ${MAX_HEADER_BYTES} bytes.`,
      );
    }
    if (at < 0) return this.#keep(bytes);
    const header = bytes.subarray(CRLF.length, Math.max(at, CRLF.length));
    if (bytes.subarray(0, at).includes(this.#delimiter)) {
      throw errors.malformedMultipart('A part of the form ends in its header.');
    }
    assertFormField(header.toString('latin1'));
    this.push(Buffer.concat([this.#delimiter, CRLF, header, END_OF_HEADER]));
    this.#expected = 'content';
    // A delimiter begins with a line break. If that is the one after the header, the part has no content.
    this.#borrowed = CRLF.length;
    return bytes.subarray(at + CRLF.length);
  }

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const content = bytes.subarray(this.#borrowed);
    this.#borrowed = 0;
    if (this.#expected === 'content' && content.length > 0) this.push(content);
  }

  #keep(bytes: Buffer): undefined {
    this.#kept = bytes;
  }

  /** Returns the number of bytes at the end that may begin a delimiter. */
  #startOfDelimiterIn(bytes: Buffer): number {
    const { length } = bytes;
    let at = bytes.indexOf(CR, Math.max(0, length - this.#delimiter.length + 1));
    while (at >= 0) {
      if (this.#delimiter.subarray(0, length - at).equals(bytes.subarray(at))) return length - at;
      at = bytes.indexOf(CR, at + 1);
    }
    return 0;
  }
}
