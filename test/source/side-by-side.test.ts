/** Runs processes side by side: the first that fails ends the other. */
import { expect, it } from 'vitest';
import { runTool } from '../../src/ffmpeg/tool-process.ts';
import { sideBySide } from '../../src/source/side-by-side.ts';

const signal = new AbortController().signal;
const sleeping = (until: AbortSignal) =>
  runTool('sleep', ['60'], { signal: until, timeoutMs: 60_000, maxOutputBytes: 100 });

it('resolves with both results', async () => {
  const both = sideBySide(
    signal,
    async () => 'a',
    async () => 1,
  );
  expect(await both).toEqual(['a', 1]);
});

it('ends a process when the other task fails, and rejects with its reason', async () => {
  let hasEnded = false;
  const failing = async () => {
    throw new Error('the file is bad');
  };
  const watched = (until: AbortSignal) =>
    sleeping(until).finally(() => {
      hasEnded = true;
    });
  await expect(sideBySide(signal, failing, watched)).rejects.toThrow('the file is bad');
  expect(hasEnded).toBe(true);
  await expect(sideBySide(signal, watched, failing)).rejects.toThrow('the file is bad');
});

it('ends both with the signal, and rejects with its reason', async () => {
  const leaving = new AbortController();
  const both = sideBySide(leaving.signal, sleeping, sleeping);
  leaving.abort(new Error('the client has left'));
  await expect(both).rejects.toThrow('the client has left');
});
