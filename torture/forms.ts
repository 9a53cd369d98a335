/** Makes malformed forms. The same random numbers give the same form again. */

type Random = () => number;

/** A request with a form. */
export interface Form {
  contentType: string;
  body: Buffer;
  /** The mutations of the form. */
  done: string[];
}

const BOUNDARY = 'b0undary';
/** Sizes below and above the buffers on the way: 16 and 64 KiB. */
const SIZES = [0, 1, 100, 5000, 16_000, 17_000, 40_000, 64_000, 70_000, 140_000];

const below = (random: Random, limit: number) => Math.floor(random() * Math.max(1, limit));
const pick = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)] as T;
const field = (rest: string) => `Content-Disposition: form-data; ${rest}`;

const GOOD = 'a field';
/** Malformed headers of parts, by their fault. */
const HEADERS: Record<string, string> = {
  [GOOD]: field('name="title"'),
  'a long name': field(`name="${'n'.repeat(300)}"`),
  'another file': field('name="cover"; filename="a.jpg"'),
  'a second file': field('name="file"; filename="second.wav"'),
  'no disposition': 'Content-Type: text/plain',
  'no name': field('filename="a.wav"'),
  'no parameters': 'Content-Disposition: form-data',
  'an attachment': 'Content-Disposition: attachment; name="file"; filename="a.wav"',
  'no header': '',
  'a header that is none': `X\r\n${field('name="x"')}`,
  'a bare line feed': `${field('name="x"')}\nX: y`,
  'a line feed in a name': field(`name="x"; filename*=UTF-8''a%0Ab`),
  'a name of Object': field('name="constructor"; filename="a.wav"'),
  'JSON that is none': `${field('name="json"')}\r\nContent-Type: application/json`,
  'a long header': `${field('name="x"')}\r\nX: ${'y'.repeat(9000)}`,
  'a nested form': `${field('name="nested"')}\r\nContent-Type: multipart/mixed; boundary=inner`,
  'an unknown charset': `${field('name="x"')}\r\nContent-Type: text/plain; charset=none`,
};
const KINDS = Object.keys(HEADERS);
const NESTED = '--inner\r\nContent-Disposition: attachment; filename="a.wav"\r\n\r\nx\r\n--inner--\r\n';

const part = (header: string, content: Buffer) =>
  Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n${header}\r\n\r\n`), content, Buffer.from('\r\n')]);

const splice = (bytes: Buffer, at: number, removed: number, ...added: (Buffer | string)[]) =>
  Buffer.concat([
    bytes.subarray(0, at),
    ...added.map((one) => Buffer.from(one as string)),
    bytes.subarray(at + removed),
  ]);
const somewhere = (bytes: Buffer, random: Random) => below(random, bytes.length);
/** Returns the offset of a delimiter. */
function delimiterIn(bytes: Buffer, random: Random): number {
  const places: number[] = [];
  for (let at = bytes.indexOf(`--${BOUNDARY}`); at >= 0; at = bytes.indexOf(`--${BOUNDARY}`, at + 1)) {
    places.push(at);
  }
  return places.length === 0 ? 0 : pick(random, places);
}

const MUTATIONS: Record<string, (form: Form, random: Random) => Form> = {
  'cut off': (form, random) => ({ ...form, body: form.body.subarray(0, somewhere(form.body, random)) }),
  'no final boundary': (form) => ({
    ...form,
    body: form.body.subarray(0, form.body.lastIndexOf(`--${BOUNDARY}`)),
  }),
  'a delimiter taken out': (form, random) => ({
    ...form,
    body: splice(form.body, delimiterIn(form.body, random), BOUNDARY.length + 2),
  }),
  'a delimiter too many': (form, random) => ({
    ...form,
    body: splice(form.body, somewhere(form.body, random), 0, `\r\n--${BOUNDARY}\r\n`),
  }),
  'an end too early': (form, random) => ({
    ...form,
    body: splice(form.body, somewhere(form.body, random), 0, `\r\n--${BOUNDARY}--\r\n`),
  }),
  'something behind a boundary': (form, random) => ({
    ...form,
    body: splice(
      form.body,
      delimiterIn(form.body, random) + BOUNDARY.length + 2,
      0,
      pick(random, [' ', '\t \t', 'x', '-', '\r', '\n']),
    ),
  }),
  'flipped bits': (form, random) => {
    const body = Buffer.from(form.body);
    for (let count = 1 + below(random, 20); count > 0 && body.length > 0; count--) {
      const at = somewhere(body, random);
      body[at] = (body[at] ?? 0) ^ (1 << below(random, 8));
    }
    return { ...form, body };
  },
  'a stretch taken out': (form, random) => ({
    ...form,
    body: splice(form.body, somewhere(form.body, random), below(random, 3000)),
  }),
  'line feeds alone': (form) => ({
    ...form,
    body: Buffer.from(form.body.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  }),
  'a preamble': (form, random) => ({
    ...form,
    body: splice(form.body, 0, 0, Buffer.alloc(pick(random, SIZES), 1), '\r\n'),
  }),
  'an epilogue': (form, random) => ({
    ...form,
    body: splice(form.body, form.body.length, 0, Buffer.alloc(pick(random, SIZES), 1)),
  }),
  'two boundaries': (form) => ({ ...form, contentType: `${form.contentType}; boundary=other` }),
  'another boundary': (form) => ({ ...form, contentType: 'multipart/form-data; boundary=other' }),
  'a long boundary': (form, random) => ({
    ...form,
    contentType: `multipart/form-data; boundary=${'b'.repeat(pick(random, [70, 71, 251, 252, 253, 5000]))}`,
  }),
  'no boundary': (form) => ({ ...form, contentType: 'multipart/form-data' }),
  'no body': (form) => ({ ...form, body: Buffer.alloc(0) }),
};
const NAMES = Object.keys(MUTATIONS);

/** Returns a form of one to five parts, usually with the audio, and with up to two mutations. */
export function mutatedForm(audio: Buffer, random: Random): Form {
  const file = part(field('name="file"; filename="song.wav"'), audio);
  const parts: Buffer[] = random() < 0.8 ? [file] : [];
  const done: string[] = [];
  for (let count = below(random, 4); count > 0; count--) {
    const kind = random() < 0.5 ? GOOD : pick(random, KINDS);
    const size = pick(random, SIZES);
    const content = kind === 'a nested form' ? Buffer.from(NESTED) : Buffer.alloc(size, 65);
    parts.splice(below(random, parts.length + 1), 0, part(HEADERS[kind] ?? '', content));
    done.push(`${kind} of ${size}`);
  }
  let form: Form = {
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
    body: Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]),
    done,
  };
  for (let count = below(random, 3); count > 0; count--) {
    const mutation = pick(random, NAMES);
    done.push(mutation);
    form = MUTATIONS[mutation]?.(form, random) ?? form;
  }
  return form;
}

/** Returns the bytes of a request with a form, and how to send them. */
export function requestOf(
  form: Form,
  random: Random,
): { bytes: Buffer; cuts: number[]; end: 'wait' | 'leave' } {
  const { body, contentType } = form;
  // Some clients do not send all that they declare, and leave.
  const lacks = random() < 0.15 ? 1 + below(random, 5000) : 0;
  const isChunked = lacks === 0 && random() < 0.2;
  const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length + lacks}`;
  const head = `POST /upload?wait=false HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${contentType}\r\n${length}\r\n\r\n`;
  const content = isChunked ? chunked(body, random) : body;
  const bytes = Buffer.concat([Buffer.from(head), content]);
  const cuts = Array.from({ length: below(random, 8) }, () => below(random, bytes.length));
  return { bytes, cuts: cuts.sort((a, b) => a - b), end: lacks > 0 || random() < 0.1 ? 'leave' : 'wait' };
}

/** Encodes a body in chunks of random lengths (RFC 9112 section 7.1). */
function chunked(body: Buffer, random: Random): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const chunk = body.subarray(at, at + 1 + below(random, 50_000));
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += chunk.length;
  }
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}
