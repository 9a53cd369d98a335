/** The header of a WAV tells the length of its first piece of sound. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { firstDataBytes } from '../../src/source/wav-header.ts';
import { noise, wav } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';

const sound = wav(noise({ samples: 1000 }));

async function written(bytes: Buffer): Promise<string> {
  const file = path.join(await temporaryFolder(), 'file');
  await writeFile(file, bytes);
  return file;
}

it.each<[string, Buffer, number | null]>([
  ['a plain WAV', sound, 2000],
  ['a WAV that was cut', sound.subarray(0, 500), 2000],
  ['a chunk of odd length before it', withChunk('LIST', 3), 2000],
  ['a chunk that does not end', withChunk('LIST', 100_000), null],
  ['a header that was cut', sound.subarray(0, 38), null],
  ['no WAV', Buffer.from('RIFFxxxxAVI data'), null],
  ['nothing', Buffer.alloc(0), null],
])('%s', async (_what, bytes, expected) => {
  expect(await firstDataBytes(await written(bytes))).toBe(expected);
});

/** A WAV with another chunk before its sound. */
function withChunk(id: string, size: number): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, 0, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([sound.subarray(0, 36), header, Buffer.alloc(size + (size % 2)), sound.subarray(36)]);
}
