/** Sends forms of any shape: each gets a response, and leaves no place, room or file in use. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fuzzForms } from '../../../torture/fuzz-forms.ts';
import { type RawAnswer, type RawRequest, sendRaw } from '../../../torture/raw-http.ts';
import { noise, wav } from '../../support/audio.ts';
import { until, upload } from '../../support/client.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const MAX_UPLOADS = 2;
const audio = wav(noise({ samples: 3000 }));
const FORM = 'multipart/form-data';
const longBoundary = (length: number) => `${FORM}; boundary=${'b'.repeat(length)}`;
const END = '--b--\r\n';
const part = (header: string, content: Buffer | string) =>
  Buffer.concat([
    Buffer.from(`--b\r\n${header}\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from('\r\n'),
  ]);
const named = (rest: string) => `Content-Disposition: form-data; ${rest}`;
const file = part(named('name="file"; filename="song.wav"'), audio);
const junk = Buffer.alloc(60_000, 1);

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ MAX_UPLOADS: String(MAX_UPLOADS) }, { uploadFormSeconds: 1 });
  await upload(server.url, { name: 'song.wav', bytes: audio });
});
const usage = async () => server.services.governor.usage();
const uploadsOnDisk = () => readdir(path.join(server.dataDir, 'uploads'));

/** Sends a form. @param missing bytes that are declared but not sent. */
function send(
  body: (Buffer | string)[],
  options: { contentType?: string; missing?: number } & Partial<RawRequest> = {},
): Promise<RawAnswer> {
  const { contentType = `${FORM}; boundary=b`, missing = 0, ...rest } = options;
  const bytes = Buffer.concat(body.map((piece) => Buffer.from(piece as string)));
  const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${contentType}\r\nContent-Length: ${bytes.length + missing}\r\n\r\n`;
  return sendRaw(server.url, { bytes: Buffer.concat([Buffer.from(head), bytes]), ...rest });
}

describe('the place is free and the original removed after a form', () => {
  it.each<[string, () => Promise<RawAnswer>, number]>([
    ['with a part without Content-Disposition', () => send([file, part('X: y', junk), END]), 400],
    ['with a small part without Content-Disposition', () => send([part('X: y', 'z'), file, END]), 400],
    ['with a part without a name', () => send([file, part(named('filename="a"'), junk), END]), 400],
    ['with a part that has no header', () => send([file, '--b\r\n\r\n', junk, '\r\n', END]), 400],
    ['with a part that ends in its header', () => send([file, '--b\r\nX: y\r\n', END]), 400],
    ['with a part that has nothing after its header', () => send(['--b\r\nX: y\r\n\r\n', END]), 400],
    ['with a part that is no field', () => send([part('Content-Disposition: attachment', junk), END]), 400],
    ['with an unknown field', () => send([file, part(named('name="unknown"'), junk), END]), 200],
    ['with a field that is too long', () => send([file, part(named('name="x"'), junk), END]), 200],
    ['with too many fields', () => send([file, ...Array(21).fill(part(named('name="x"'), 'y')), END]), 400],
    ['with a file in another field', () => send([part(named('name="x"; filename="a"'), junk), END]), 400],
    [
      'with a nested form',
      () =>
        send([
          part(`${named('name="x"')}\r\nContent-Type: multipart/mixed; boundary=c`, `--c\r\n\r\n${junk}`),
          file,
          END,
        ]),
      200,
    ],
    ['with two boundaries', () => send([file, END], { contentType: `${FORM}; boundary=b; boundary=c` }), 400],
    ['with a boundary of 71 characters', () => send([file, END], { contentType: longBoundary(71) }), 400],
    ['with a boundary of 253 characters', () => send([file, END], { contentType: longBoundary(253) }), 400],
    ['with another boundary in its body', () => send(['--c\r\n\r\n', junk, '\r\n--c--\r\n']), 400],
    ['with bytes after a boundary', () => send([file, '--bX\r\n', junk, '\r\n', END]), 400],
    ['with no final boundary', () => send([file]), 400],
    ['without parts', () => send([END]), 400],
    ['with two files', () => send([file, file, END]), 400],
    ['with 3 MB before it', () => send([Buffer.alloc(3_000_000, 1), '\r\n', file, END]), 400],
    ['with 3 MB after it', () => send([file, END, Buffer.alloc(3_000_000, 1)]), 400],
    ['that never ends', () => send([file, part(named('name="x"'), junk)], { missing: 9 }), 408],
    ['whose client leaves', () => send([file, junk], { missing: 99, end: 'leave' }), 0],
    ['whose client leaves in its file', () => send([file.subarray(0, 99)], { missing: 99, end: 'leave' }), 0],
    ['whose client ends early', () => send([file], { missing: 9, end: 'half' }), 400],
  ])('%s', async (_what, sendIt, status) => {
    const answers = await Promise.all(Array.from({ length: MAX_UPLOADS }, sendIt));
    answers.push(await sendIt());
    expect(answers.map((answer) => answer.status)).toEqual(Array(MAX_UPLOADS + 1).fill(status));
    await until(async () => expect(Object.values(await usage()).filter((units) => units !== 0)).toEqual([]));
    expect((await upload(server.url, { name: 'song.wav', bytes: audio })).status).toBe(200);
    await until(async () => expect(await uploadsOnDisk()).toEqual([]));
  });
});

it('a hundred mutated forms leave nothing in use', async () => {
  const fuzzed = await fuzzForms({ url: server.url, audio, forms: 100, seed: 1, usage });
  expect(fuzzed.failures).toEqual([]);
  expect(fuzzed.answers.get(200)).toBeGreaterThan(5);
  expect(fuzzed.answers.get(400)).toBeGreaterThan(40);
  await until(async () => expect(await uploadsOnDisk()).toEqual([]));
});
