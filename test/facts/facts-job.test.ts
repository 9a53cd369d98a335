/** The job that finds facts: its order, its ends and its faults, with steps that need no ffmpeg. */
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { createDeferred, unlessAborted } from '../../src/concurrency/deferred.ts';
import { errors } from '../../src/errors.ts';
import { createFactsJob } from '../../src/facts/facts-job.ts';
import { createLiveWaveforms } from '../../src/facts/live-waveforms.ts';
import { createPendingTracks } from '../../src/facts/pending-tracks.ts';
import { isPending, settleAnalysis } from '../../src/facts/settle.ts';
import type { FactsStep } from '../../src/facts/step.ts';
import type { Tools } from '../../src/ffmpeg/launcher.ts';
import { openDiskLibrary } from '../../src/library/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type AnalysisStatus, TO_ANALYSE } from '../../src/tracks/facts.ts';
import { createTrackEvents } from '../../src/tracks/track-events.ts';
import { until } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sampleDraft } from '../support/sample-track.ts';

const done: FactsStep = (track, context) =>
  settleAnalysis(track, { status: 'done', from: 'original', loudness: null }, context);

async function rig({ keepOriginals = false, steps = [] as FactsStep[], analyse = done } = {}) {
  const library = await openDiskLibrary(await temporaryFolder());
  await library.opened;
  const trackEvents = createTrackEvents();
  const removed: string[] = [];
  const machine = { fault: undefined as unknown, isBusy: false };
  const storage = {
    removeUpload: async (upload: string) => void removed.push(upload),
    async assertWritable() {
      if (machine.fault !== undefined) throw machine.fault;
    },
  } as unknown as Storage;
  const analysed: string[] = [];
  const create = () =>
    createFactsJob({
      ...{ library, storage, trackEvents, keepOriginals, steps },
      pending: createPendingTracks(library),
      tools: Promise.resolve({} as Tools),
      selfTest: { fault: async () => null, recentFault: async () => null },
      log: pino({ level: 'silent' }),
      liveWaveforms: createLiveWaveforms(),
      isBusy: () => machine.isBusy,
      firstBackOffMs: 10,
      async analyse(track, context) {
        analysed.push(track.filename);
        await analyse(track, context);
      },
    });
  let number = 0;
  const add = async (name: string) => {
    const upload = `${++number}.upload`;
    const draft = sampleDraft(name, { status: 'ready', upload, analysis: TO_ANALYSE, storedBytes: 300_000 });
    const { track } = await library.add(name, draft);
    trackEvents.changed(name);
    return track;
  };
  const comesTo = (name: string, status: AnalysisStatus) =>
    until(async () => expect((await library.get(name))?.analysis?.status).toBe(status));
  return { library, trackEvents, machine, removed, analysed, create, add, comesTo };
}

describe('the job of facts', () => {
  it('takes the tracks of the library, the oldest first, and those that come', async () => {
    const { add, analysed, create, comesTo } = await rig();
    await add('one.mp3');
    await add('two.mp3');
    const job = create();
    job.start();
    await comesTo('two.mp3', 'done');
    await add('three.mp3');
    await comesTo('three.mp3', 'done');
    expect(analysed).toEqual(['one.mp3', 'two.mp3', 'three.mp3']);
    await job.close();
  });

  it('removes the original after the outcome is stored, or keeps it', async () => {
    for (const keepOriginals of [false, true]) {
      const { library, add, create, comesTo, removed } = await rig({ keepOriginals });
      await add('one.mp3');
      const job = create();
      job.start();
      await comesTo('one.mp3', 'done');
      await job.close();
      const track = await library.get('one.mp3');
      expect(track?.upload).toBe(keepOriginals ? '1.upload' : null);
      expect(track?.storedBytes).toBe(keepOriginals ? 300_000 : 60_000);
      expect(removed).toEqual(keepOriginals ? [] : ['1.upload']);
    }
  });

  it('begins nothing while clients need the processors', async () => {
    const { add, analysed, create, comesTo, machine } = await rig();
    machine.isBusy = true;
    await add('one.mp3');
    const job = create();
    job.start();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(analysed).toEqual([]);
    machine.isBusy = false;
    await comesTo('one.mp3', 'done');
    await job.close();
  });

  it('leaves a track alone that is being deleted, and takes it up where that fails', async () => {
    const { add, analysed, create, comesTo } = await rig();
    const job = create();
    await job.cancel('one.mp3');
    await add('one.mp3');
    await add('two.mp3');
    job.start();
    await comesTo('two.mp3', 'done');
    expect(analysed).toEqual(['two.mp3']);
    job.release('one.mp3');
    await comesTo('one.mp3', 'done');
    await job.close();
  });

  it('takes up a track again whose deletion has ended its analysis and then failed', async () => {
    const begun = createDeferred<void>();
    const analyse: FactsStep = async (track, context) => {
      begun.resolve();
      if (analysed.length === 1) await unlessAborted(new Promise<void>(() => {}), context.signal);
      await done(track, context);
    };
    const { add, analysed, create, comesTo } = await rig({ analyse });
    await add('one.mp3');
    const job = create();
    job.start();
    await begun.promise;
    await job.cancel('one.mp3');
    job.release('one.mp3');
    await comesTo('one.mp3', 'done');
    expect(analysed).toEqual(['one.mp3', 'one.mp3']);
    await job.close();
  });

  it('does the other steps first, and none of them keeps it from the analysis', async () => {
    const order: string[] = [];
    const steps: FactsStep[] = [
      async () => {
        order.push('tags');
        throw new Error('no tags');
      },
      async () => void order.push('cover'),
    ];
    const { add, analysed, create, comesTo } = await rig({ steps });
    await add('one.mp3');
    const job = create();
    job.start();
    await comesTo('one.mp3', 'done');
    expect([...order, ...analysed]).toEqual(['tags', 'cover', 'one.mp3']);
    await job.close();
  });

  it('records a failure, and goes on with the next track', async () => {
    const analyse: FactsStep = async (track, context) => {
      if (track.filename === 'bad.mp3') throw new Error('does not decode');
      await done(track, context);
    };
    const { add, create, comesTo, removed } = await rig({ analyse });
    await add('bad.mp3');
    await add('good.mp3');
    const job = create();
    job.start();
    await comesTo('good.mp3', 'done');
    await comesTo('bad.mp3', 'failed');
    expect(removed).toEqual(['1.upload', '2.upload']);
    await job.close();
  });

  it('waits for the machine to recover', async () => {
    let tries = 0;
    const { add, create, comesTo, machine, library } = await rig({
      async analyse(track, context) {
        tries++;
        if (machine.fault !== undefined) throw new Error('cannot write');
        await done(track, context);
      },
    });
    machine.fault = errors.storageUnavailable(new Error('the disk is away'));
    await add('one.mp3');
    const job = create();
    job.start();
    await until(() => expect(tries).toBeGreaterThan(0));
    expect((await library.get('one.mp3'))?.analysis?.status).toBe('pending');
    machine.fault = undefined;
    await comesTo('one.mp3', 'done');
    expect(tries).toBeGreaterThan(1);
    await job.close();
  });

  it('ends at once when its track is deleted, and writes nothing after that', async () => {
    const begun = createDeferred<void>();
    const analyse: FactsStep = async (track, context) => {
      if (track.filename === 'gone.mp3') {
        begun.resolve();
        await unlessAborted(new Promise(() => {}), context.signal);
      }
      await done(track, context);
    };
    const { library, trackEvents, add, analysed, create, comesTo } = await rig({ analyse });
    await add('gone.mp3');
    const job = create();
    job.start();
    await begun.promise;
    // An event of the track on the way must not begin it again.
    await job.cancel('gone.mp3');
    trackEvents.changed('gone.mp3');
    await library.remove('gone.mp3', () => job.cancel('gone.mp3'));
    trackEvents.removed('gone.mp3');
    expect(analysed).toEqual(['gone.mp3']);
    // A new track of that name is none that is being deleted.
    const update = vi.spyOn(library, 'update');
    await add('next.mp3');
    await comesTo('next.mp3', 'done');
    expect(update.mock.calls.every(([name]) => name === 'next.mp3')).toBe(true);
    await job.close();
  });

  it('leaves to the next start what it has not done', async () => {
    const begun = createDeferred<void>();
    let isFirst = true;
    const analyse: FactsStep = async (track, context) => {
      if (isFirst) {
        isFirst = false;
        begun.resolve();
        await unlessAborted(new Promise(() => {}), context.signal);
      }
      await done(track, context);
    };
    const { library, add, create, comesTo, removed } = await rig({ analyse });
    await add('one.mp3');
    const job = create();
    job.start();
    await begun.promise;
    await job.close();
    const track = await library.get('one.mp3');
    expect(track && isPending(track)).toBe(true);
    expect(removed).toEqual([]);
    const next = create();
    next.start();
    await comesTo('one.mp3', 'done');
    await next.close();
  });

  it('analyses a track again whose length was corrected meanwhile', async () => {
    let tries = 0;
    const { library, add, create, comesTo } = await rig({
      async analyse(track, context) {
        if (++tries === 1)
          await context.library.update(track.filename, (now) => ({ ...now, samples: now.samples - 1000 }));
        await done(track, context);
      },
    });
    await add('one.mp3');
    const job = create();
    job.start();
    await comesTo('one.mp3', 'done');
    expect(tries).toBe(2);
    expect((await library.get('one.mp3'))?.analysis?.status).toBe('done');
    await job.close();
  });
});
