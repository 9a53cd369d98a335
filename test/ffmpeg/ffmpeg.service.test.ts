/** One ffmpeg process: its end, whatever brings it about. */
import { access, chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingCapability, missingForCovers, startFfmpeg } from '../../src/ffmpeg/ffmpeg.ts';
import { audioFile, noise } from '../support/audio.ts';
import { until } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';

const job = (input: string, changes: Partial<Parameters<typeof startFfmpeg>[0]> = {}) => ({
  executable: 'ffmpeg',
  input,
  outputOptions: ['-f', 's16le'],
  signal: new AbortController().signal,
  timeoutMs: 30_000,
  ...changes,
});

async function script(body: string): Promise<string> {
  const file = path.join(await temporaryFolder(), 'ffmpeg');
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('an ffmpeg process', () => {
  it('gives its output, and resolves when it has ended well', async () => {
    const { stdout, done } = startFfmpeg(job(await audioFile('a.wav', noise({ samples: 5000 }))));
    let bytes = 0;
    for await (const chunk of stdout) bytes += chunk.length;
    await done;
    expect(bytes).toBe(10_000);
  });

  it('that fails says what it said, and harms nothing where nobody reads its output', async () => {
    const { done } = startFfmpeg(job(path.join(await temporaryFolder(), 'nothing.wav')));
    await expect(done).rejects.toMatchObject({
      name: 'FfmpegError',
      command: expect.stringContaining('-protocol_whitelist file,pipe'),
      stderr: expect.stringContaining('No such file'),
    });
  });

  it('that is not there is a failure as well', async () => {
    const { done } = startFfmpeg(job('/x.wav', { executable: path.join(await temporaryFolder(), 'ffmpeg') }));
    await expect(done).rejects.toMatchObject({
      name: 'FfmpegError',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('is killed when it does not end on TERM, and the reason is the one it was stopped for', async () => {
    const stop = new AbortController();
    const ready = path.join(await temporaryFolder(), 'ready');
    const executable = await script(`trap '' TERM; touch ${ready}; exec sleep 60`);
    const { done } = startFfmpeg(job('/x.wav', { executable, signal: stop.signal }));
    await until(() => access(ready));
    stop.abort(new Error('not wanted any more'));
    await expect(done).rejects.toThrow('not wanted any more');
  });

  it('is ended when it takes too long', async () => {
    const executable = await script('exec sleep 60');
    const { done } = startFfmpeg(job('/x.wav', { executable, timeoutMs: 100 }));
    await expect(done).rejects.toThrow('longer than 100 ms');
  });

  it('does not outlive a stop that came before it was there', async () => {
    const executable = await script('exec sleep 60');
    const { done } = startFfmpeg(
      job('/x.wav', { executable, signal: AbortSignal.abort(new Error('too late')) }),
    );
    await expect(done).rejects.toThrow('too late');
  });
});

it('this ffmpeg can do what is asked of it', async () => {
  expect(await missingCapability('ffmpeg')).toBeNull();
  expect(await missingForCovers('ffmpeg')).toBe(undefined);
});
