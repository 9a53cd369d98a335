/** Refuses files with so many comments that ffmpeg would take minutes to read them. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { assertFewComments } from '../../src/source/vorbis-comments.ts';
import { audioFile, noise, wav } from '../support/audio.ts';
import { flacParts, withComments } from '../support/flac.ts';
import { temporaryFolder } from '../support/folders.ts';
import { id3 } from '../support/hostile.ts';

const sound = noise({ samples: 5000 });
async function judged(bytes: Buffer): Promise<void> {
  const file = path.join(await temporaryFolder(), 'a');
  await writeFile(file, bytes);
  return assertFewComments(file);
}

it('refuses a FLAC with more than ten thousand comments', async () => {
  const parts = flacParts(await readFile(await audioFile('a.flac', sound)));
  await judged(withComments(parts, 10_000));
  const refused = { code: 'unsupported_media' };
  await expect(judged(withComments(parts, 10_001))).rejects.toMatchObject(refused);
  const tagged = Buffer.concat([id3(), withComments(parts, 10_001)]);
  await expect(judged(tagged)).rejects.toMatchObject(refused);
});

it.each(['opus', 'ogg'])('refuses an %s file with more than ten thousand comments', async (extension) => {
  const options = extension === 'ogg' ? ['-c:a', 'libvorbis'] : [];
  const bytes = await readFile(await audioFile(`a.${extension}`, sound, options));
  await judged(bytes);
  const magic = bytes.indexOf(extension === 'ogg' ? '\x03vorbis' : 'OpusTags', 0, 'latin1');
  const vendor = magic + (extension === 'ogg' ? 7 : 8);
  bytes.writeUInt32LE(10_001, vendor + 4 + bytes.readUInt32LE(vendor));
  await expect(judged(bytes)).rejects.toMatchObject({ code: 'unsupported_media' });
});

it('accepts other formats, cut files and an empty file', async () => {
  await judged(wav(sound));
  await judged(Buffer.from('fLaC'));
  await judged(Buffer.from('OggS'));
  await judged(Buffer.alloc(0));
});
