/** An analysis that rests while clients need the processors. */
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, inject, it } from 'vitest';
import { createLiveWaveforms } from '../../src/facts/live-waveforms.ts';
import { measureTrack } from '../../src/facts/measure-track.ts';
import type { FactsContext } from '../../src/facts/step.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { audioFile, noise } from '../support/audio.ts';
import { until } from '../support/client.ts';
import { sampleTrack } from '../support/sample-track.ts';

const SECONDS = 120;

/** Measures a track, and stops it in the middle. */
async function halfway() {
  const samples = SECONDS * 44_100;
  const file = await audioFile('long.flac', noise({ samples: 44_100 * 20 }), [
    ...['-af', 'aloop=loop=5:size=882000', '-sample_fmt', 's16'],
  ]);
  const liveWaveforms = createLiveWaveforms();
  // Beside other tests the one that yields most would not end.
  const tools = inject('tools');
  const yielding = tools.background.at(-1) ?? tools.background[0];
  const over = new AbortController();
  const clients = { isBusy: false };
  const storage = {
    hasUpload: async () => true,
    usingUpload: <T>(_upload: string, use: (path: string) => Promise<T>) => use(file),
  } as unknown as Storage;
  const track = sampleTrack({ filename: 'long.flac', upload: 'it', samples, channels: 1 });
  const measuring = measureTrack(track, {
    ...{
      storage,
      liveWaveforms,
      signal: over.signal,
      tools: { ...tools, background: [yielding] },
      keepOriginals: true,
    },
    isBusy: () => clients.isBusy,
    log: pino({ level: 'silent' }),
    library: {} as FactsContext['library'],
  });
  measuring.catch(() => {});
  const pixels = () => (liveWaveforms.of('long.flac')?.data.length ?? 0) / 2;
  await until(() => expect(pixels()).toBeGreaterThan(0));
  clients.isBusy = true;
  let stopped = -1;
  await until(async () => {
    stopped = pixels();
    await pause(150);
    expect(pixels()).toBe(stopped);
  });
  expect(stopped).toBeLessThan(5 * SECONDS);
  return { clients, measuring, over, liveWaveforms };
}

it('goes on when they do not, and misses nothing', async () => {
  const { clients, measuring } = await halfway();
  clients.isBusy = false;
  const { waveforms, from } = await measuring;
  expect(from).toBe('original');
  expect(waveforms.get(5)?.readInt32LE(16)).toBe(5 * SECONDS);
});

it('ends at once while it rests', async () => {
  const { measuring, over, liveWaveforms } = await halfway();
  over.abort(new Error('the track is deleted'));
  await expect(measuring).rejects.toThrow('the track is deleted');
  expect([...liveWaveforms.all()]).toEqual([]);
});
