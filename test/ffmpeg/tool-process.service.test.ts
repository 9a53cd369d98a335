/** A tool's output is read in bounded memory, and a tool that prints too much is stopped. */
import { expect, it } from 'vitest';
import { runTool } from '../../src/ffmpeg/tool-process.ts';

const sh = (script: string, limits: Partial<Parameters<typeof runTool>[2]> = {}) =>
  runTool('/bin/sh', ['-c', script], {
    signal: new AbortController().signal,
    timeoutMs: 30_000,
    maxOutputBytes: 1_000_000,
    ...limits,
  });

it('gives what it printed, and how it ended', async () => {
  const report = await sh('echo one; echo two >&2; exit 3');
  expect(report).toMatchObject({ output: 'one\n', stderr: 'two\n', code: 3, isOverflowing: false });
});

it('keeps the end of long output', async () => {
  const { output } = await sh('i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done', {
    keptBytes: 20,
  });
  expect(output).toBe('line 4998\nline 4999\n');
});

it('stops a tool that prints for ever', async () => {
  const report = await sh('exec yes packet');
  expect(report).toMatchObject({ isOverflowing: true, timedOut: false, code: null });
  expect(report.output.length).toBeLessThanOrEqual(1_000_000);
});

it('stops a tool that takes too long', async () => {
  expect(await sh('exec sleep 60', { timeoutMs: 100 })).toMatchObject({ timedOut: true, code: null });
});
