/** Reads the length of an MP3 from its header, and refuses a header that does not describe the file. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { mp3HeaderLength } from '../../src/source/mp3-header.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';

/** Delay in samples: 576 of LAME as ffmpeg runs it, and 529 of the decoder. */
const START = 1105;

describe('the header of an MP3', () => {
  it.each([
    ['CBR, stereo', 44_100, 2, ['-b:a', '128k']],
    ['CBR, mono', 44_100, 1, ['-b:a', '64k']],
    ['VBR', 48_000, 2, ['-q:a', '4']],
    ['MPEG-2', 22_050, 1, ['-q:a', '4']],
    ['MPEG-2, stereo', 24_000, 2, ['-b:a', '64k']],
    ['MPEG-2.5', 8000, 1, ['-b:a', '16k']],
    ['with a large ID3v2 tag', 44_100, 1, ['-b:a', '64k', '-metadata', `comment=${'x'.repeat(70_000)}`]],
    ['with an ID3v1 tag', 44_100, 1, ['-b:a', '64k', '-write_id3v1', '1']],
  ])('%s: gives the length to the sample', async (_kind, sampleRate, channels, options) => {
    const samples = Math.round(3.21 * sampleRate);
    const file = await audioFile('x.mp3', noise({ samples, sampleRate, channels }), options);
    const length = await mp3HeaderLength(file);
    expect((length?.samples ?? 0) - (length?.padding ?? 0) - START).toBe(samples);
  });

  it('is refused if the file was changed after it was written', async () => {
    const whole = await readFile(await audioFile('x.mp3', noise({ samples: 100_000 }), ['-b:a', '64k']));
    const cases = {
      cut: whole.subarray(0, whole.length - 1000),
      joined: Buffer.concat([whole, whole]),
      hole: Buffer.concat([whole.subarray(0, 5000), whole.subarray(6000)]),
      tiny: whole.subarray(0, 40),
      empty: Buffer.alloc(0),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const file = path.join(await temporaryFolder(), name);
      await writeFile(file, bytes);
      expect(await mp3HeaderLength(file), name).toBeNull();
    }
  });

  it.each([
    ['CBR, twice as many', ['-b:a', '64k'], 2],
    ['CBR, half as many', ['-b:a', '64k'], 0.5],
    ['CBR, a twentieth more', ['-b:a', '64k'], 1.05],
    ['VBR, more than bytes', ['-q:a', '4'], 1000],
    ['VBR, less than a tenth', ['-q:a', '4'], 0.09],
  ])('is refused if its frames do not fit the bytes: %s', async (_, options, factor) => {
    const bytes = await readFile(await audioFile('x.mp3', noise({ samples: 200_000 }), options));
    const file = path.join(await temporaryFolder(), 'lying.mp3');
    const at = Math.max(bytes.indexOf('Xing'), bytes.indexOf('Info')) + 8;
    bytes.writeUInt32BE(Math.round(bytes.readUInt32BE(at) * factor), at);
    await writeFile(file, bytes);
    expect(await mp3HeaderLength(file)).toBeNull();
  });

  it('is missing in an MP3 without a header and in a WAV', async () => {
    const without = await audioFile('x.mp3', noise({ samples: 50_000 }), ['-b:a', '64k', '-write_xing', '0']);
    expect(await mp3HeaderLength(without)).toBeNull();
    expect(await mp3HeaderLength(await audioFile('x.wav', noise({ samples: 5000 })))).toBeNull();
  });
});
