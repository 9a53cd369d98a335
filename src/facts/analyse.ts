/** Analyses a track: stores its waveforms and pauses as sidecars, and its loudness in the record. */
import { measureTrack } from './measure-track.ts';
import { settleAnalysis } from './settle.ts';
import type { FactsStep } from './step.ts';
import { waveformName } from './waveform.ts';

/** Sidecar with the pauses of a track, as the API answers them. */
export const PAUSES_NAME = 'pauses.json';

/** The record says that it is done after all of it is stored. */
export const analyse: FactsStep = async (track, context) => {
  const { storage, signal, log } = context;
  const { filename, home } = track;
  const { from, loudness = null, waveforms, pauses } = await measureTrack(track, context);
  const files = [...waveforms].map(([rate, bytes]) => ({ name: waveformName(rate), bytes }));
  files.push({ name: PAUSES_NAME, bytes: Buffer.from(JSON.stringify({ pauses })) });
  for (const { name, bytes } of files) {
    signal.throwIfAborted();
    await storage.putSidecar(home, name, bytes);
  }
  signal.throwIfAborted();
  await settleAnalysis(track, { status: 'done', from, loudness }, context);
  log.info({ filename, from, ...loudness, pauses: pauses.length }, 'track analysed');
};
