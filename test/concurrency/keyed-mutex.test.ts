import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createKeyedMutex } from '../../src/concurrency/keyed-mutex.ts';

/** Makes steps that log when they begin, and end on demand. */
function createSteps() {
  const log: string[] = [];
  const step = (name: string) => {
    const told = new EventEmitter();
    const ending = once(told, 'end');
    const run = async () => {
      log.push(`${name} begins`);
      await ending.finally(() => log.push(`${name} ends`));
      return name;
    };
    return { run, end: () => told.emit('end'), fail: () => told.emit('error', new Error(`${name} failed`)) };
  };
  return { log, step };
}

/** Resolves after all promises that can settle now have settled. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('steps of the same key', () => {
  it('run one after the other, in the order of their calls', async () => {
    const turns = createKeyedMutex();
    const { log, step } = createSteps();
    const [first, second, third] = [step('first'), step('second'), step('third')];
    const taken = [first, second, third].map(({ run }) => turns.run('track', run));
    // A step that could end early still waits for its turn.
    third.end();
    second.end();
    await settle();
    expect(log).toEqual(['first begins']);
    first.end();
    expect(await Promise.all(taken)).toEqual(['first', 'second', 'third']);
    expect(log).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('go on when one fails, and only its caller gets the error', async () => {
    const turns = createKeyedMutex();
    const { log, step } = createSteps();
    const [first, second] = [step('first'), step('second')];
    const failing = turns.run('track', first.run);
    const next = turns.run('track', second.run);
    first.fail();
    second.end();
    await expect(failing).rejects.toThrow('first failed');
    expect(await next).toBe('second');
    expect(log).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('go on when one throws synchronously', async () => {
    const turns = createKeyedMutex();
    const thrown = turns.run('track', () => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(await turns.run('track', async () => 'next')).toBe('next');
  });

  it('can be added while another one runs', async () => {
    const turns = createKeyedMutex();
    let inner: Promise<string> | undefined;
    const outer = await turns.run('track', async () => {
      inner = turns.run('track', async () => 'inner');
      return 'outer';
    });
    expect([outer, await inner]).toEqual(['outer', 'inner']);
  });
});

it('steps of different keys do not wait for each other', async () => {
  const turns = createKeyedMutex();
  const { step } = createSteps();
  const [slow, quick] = [step('slow'), step('quick')];
  const slowTurn = turns.run('one', slow.run);
  const quickTurn = turns.run('other', quick.run);
  quick.end();
  expect(await quickTurn).toBe('quick');
  slow.end();
  expect(await slowTurn).toBe('slow');
});

describe('idle', () => {
  it('waits for all steps, including those that fail', async () => {
    const turns = createKeyedMutex();
    const { log, step } = createSteps();
    const [first, second, third] = [step('first'), step('second'), step('third')];
    const taken = [turns.run('one', first.run), turns.run('one', second.run), turns.run('other', third.run)];
    const settled = Promise.allSettled(taken);
    let idle = false;
    const waiting = turns.idle().then(() => {
      idle = true;
    });
    first.end();
    third.fail();
    await settle();
    expect(idle).toBe(false);
    second.end();
    await waiting;
    expect(log.filter((line) => line.endsWith('ends'))).toHaveLength(3);
    await settled;
  });

  it('resolves at once when no step runs, also after steps', async () => {
    const turns = createKeyedMutex();
    await turns.idle();
    await turns.run('track', async () => {});
    await expect(turns.idle()).resolves.toBeUndefined();
  });
});
