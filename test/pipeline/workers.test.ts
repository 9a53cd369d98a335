import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createWorkers, type Workers } from '../../src/pipeline/workers.ts';

const never = new AbortController().signal;

/** Starts a task that says when it begins and ends when told to. */
function createTasks(workers: Workers) {
  const begun: string[] = [];
  const start = (name: string, signal = never) => {
    const told = new EventEmitter();
    const ending = once(told, 'end');
    const done = workers.use(signal, async () => {
      begun.push(name);
      await ending;
      return name;
    });
    // Whoever waits for a task that fails does so later.
    done.catch(() => {});
    return { done, end: () => told.emit('end'), fail: () => told.emit('error', new Error(`${name} failed`)) };
  };
  return { begun, start };
}

/** Lets everything that can happen now happen. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('workers', () => {
  it.each([1, 2, 3])('are %i at the most', async (count) => {
    const { begun, start } = createTasks(createWorkers(count));
    const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => start(name));
    await settle();
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e'].slice(0, count));
    for (const task of tasks) task.end();
    expect(await Promise.all(tasks.map(({ done }) => done))).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('serve in the order in which tasks came', async () => {
    const { begun, start } = createTasks(createWorkers(2));
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => start(name));
    b?.end();
    await settle();
    expect(begun).toEqual(['a', 'b', 'c']);
    a?.end();
    await settle();
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    c?.end();
    d?.end();
    expect(await d?.done).toBe('d');
  });

  it('take the next task after one that fails', async () => {
    const { start } = createTasks(createWorkers(1));
    const [bad, good] = [start('bad'), start('good')];
    bad.fail();
    good.end();
    await expect(bad.done).rejects.toThrow('bad failed');
    expect(await good.done).toBe('good');
    const later = start('later');
    later.end();
    expect(await later.done).toBe('later');
  });

  it('are free again once all is done, each of them', async () => {
    const { begun, start } = createTasks(createWorkers(2));
    const tasks = ['a', 'b', 'c', 'd'].map((name) => start(name));
    for (const task of tasks) task.end();
    await Promise.all(tasks.map(({ done }) => done));
    const [e, f, g] = ['e', 'f', 'g'].map((name) => start(name));
    await settle();
    expect(begun.slice(4)).toEqual(['e', 'f']);
    for (const task of [e, f, g]) task?.end();
    expect(await g?.done).toBe('g');
  });
});

describe('a task that is aborted', () => {
  it('before it came is refused with the reason, and takes no worker', async () => {
    const { begun, start } = createTasks(createWorkers(1));
    const refused = start('refused', AbortSignal.abort(new Error('too late')));
    await expect(refused.done).rejects.toThrow('too late');
    const next = start('next');
    next.end();
    expect(await next.done).toBe('next');
    expect(begun).toEqual(['next']);
  });

  it('while it waits leaves the line with the reason, and those behind it move up', async () => {
    const { begun, start } = createTasks(createWorkers(1));
    const controller = new AbortController();
    const first = start('first');
    const second = start('second', controller.signal);
    const third = start('third');
    controller.abort(new Error('no more'));
    await expect(second.done).rejects.toThrow('no more');
    expect(begun).toEqual(['first']);
    first.end();
    third.end();
    expect(await third.done).toBe('third');
    expect(begun).toEqual(['first', 'third']);
  });

  it('as the last in line leaves a worker free', async () => {
    const { start } = createTasks(createWorkers(1));
    const controller = new AbortController();
    const first = start('first');
    const second = start('second', controller.signal);
    controller.abort(new Error('no more'));
    first.end();
    await Promise.allSettled([first.done, second.done]);
    const third = start('third');
    third.end();
    expect(await third.done).toBe('third');
  });

  it('while it runs, after it has waited, keeps its worker and is in nobody’s way', async () => {
    const { begun, start } = createTasks(createWorkers(1));
    const controller = new AbortController();
    const first = start('first');
    const second = start('second', controller.signal);
    const third = start('third');
    first.end();
    await settle();
    controller.abort(new Error('stop'));
    await settle();
    expect(begun).toEqual(['first', 'second']);
    second.end();
    await settle();
    expect(begun).toEqual(['first', 'second', 'third']);
    third.end();
    expect(await Promise.all([second.done, third.done])).toEqual(['second', 'third']);
  });
});
