/** A run may be stopped as soon as it is begun, when its launcher is still setting things up. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { startFfmpeg } from '../../src/ffmpeg/ffmpeg.ts';
import { prepareTools } from '../../src/ffmpeg/launcher.ts';
import { audioFile, noise } from '../support/audio.ts';
import { until } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { processesMentioning } from '../support/process.ts';

it('ends, and leaves no process, at whatever instant it is stopped', async () => {
  const input = await audioFile('long.wav', noise({ samples: 60 * 44_100 }));
  const settings = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', maxDurationSeconds: 3600 };
  const tools = await prepareTools(await temporaryFolder(), { ...settings, sandbox: 'auto' });
  for (let afterMs = 0; afterMs < 40; afterMs++) {
    const stop = new AbortController();
    const { done } = startFfmpeg({
      executable: tools.ffmpeg,
      input,
      outputOptions: ['-f', 's16le'],
      signal: stop.signal,
      timeoutMs: 60_000,
    });
    setTimeout(() => stop.abort(new Error('stopped')), afterMs);
    await expect(done).rejects.toThrow('stopped');
  }
  await until(async () => expect([...(await processesMentioning(path.dirname(input))).values()]).toEqual([]));
});
