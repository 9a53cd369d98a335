import { expect, it } from 'vitest';
import { createRunning } from '../../cluster/running.ts';

const setUp = () => {
  const stop = new AbortController();
  const removed: string[] = [];
  const part = (name: string) => ({ name, remove: async () => void removed.push(name) });
  return { stop, removed, part, running: createRunning({ signal: stop.signal }) };
};

it('ends what was started last first', async () => {
  const { running, removed, part } = setUp();
  const [one, two] = await running.all(Promise.resolve(part('one')), Promise.resolve(part('two')));
  expect([one.name, two.name]).toEqual(['one', 'two']);
  await running.all(Promise.resolve(part('three')));
  await running.end();
  await running.end();
  expect(removed).toEqual(['three', 'two', 'one']);
});

it('ends what has started beside a start that fails', async () => {
  const { running, removed, part } = setUp();
  let start = (_part: ReturnType<typeof part>) => {};
  const late = new Promise<ReturnType<typeof part>>((resolve) => {
    start = resolve;
  });
  const starts = running.all(Promise.reject(new Error('no room')), late);
  start(part('late'));
  await expect(starts).rejects.toThrow('no room');
  await running.end();
  expect(removed).toEqual(['late']);
});

it('ends what has started when the start is stopped', async () => {
  const { running, removed, part, stop } = setUp();
  stop.abort(new Error('SIGINT'));
  await expect(running.all(Promise.resolve(part('one')))).rejects.toThrow('SIGINT');
  await running.end();
  expect(removed).toEqual(['one']);
});
