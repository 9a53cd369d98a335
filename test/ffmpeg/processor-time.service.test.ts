/** What processes get of the processor, as Linux tells it. */
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { ownProcessorSeconds, processorTimes } from '../../src/ffmpeg/processor-time.ts';
import { until } from '../support/client.ts';

it.runIf(process.platform === 'linux')('tells groups that work from groups that wait', async () => {
  const group = (script: string) =>
    spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' }).pid as number;
  // The one that works is not the one that leads the group.
  const [busy, idle, missing] = [group('(while :; do :; done) & wait'), group('sleep 100'), 2 ** 30];
  try {
    await until(async () => {
      const times = await processorTimes(new Set([busy, idle, missing]));
      expect(times.get(busy)?.isRunnable).toBe(true);
      expect(times.get(busy)?.seconds).toBeGreaterThan(0.05);
      expect(times.get(idle)?.isRunnable).toBe(false);
      expect(times.get(idle)?.seconds).toBeLessThan(0.05);
      expect(times.has(missing)).toBe(false);
    });
    expect(await ownProcessorSeconds()).toBeGreaterThan(0);
  } finally {
    for (const pid of [busy, idle]) process.kill(-pid, 'SIGKILL');
  }
});
