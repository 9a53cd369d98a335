import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { watchParser } from '../../../src/http/multipart/parser-watch.ts';

const never = () => new Promise<never>(() => {});
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await nextTurn();
};

/** A parser that takes what it gets when it is let, and a body on its way to it. */
function pair() {
  const body = new PassThrough();
  let takeOn = () => {};
  const parser = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      takeOn = done;
    },
  });
  let stalls = 0;
  const watch = watchParser(body, () => stalls++);
  body.pipe(parser);
  return { body, watch, takeOn: () => takeOn(), stalls: () => stalls };
}

it('a parser that takes no more and says nothing is stalled', async () => {
  const { body, watch, stalls } = pair();
  void watch.waitFor(never());
  body.write('x');
  await turns(6);
  expect(stalls()).toBe(1);
});

it('so is one that got everything and says nothing', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  body.end('x');
  await nextTurn();
  takeOn();
  await turns(6);
  expect(stalls()).toBe(1);
});

it('one that waits for more of the body is not', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  await turns(6);
  body.write('x');
  await nextTurn();
  takeOn();
  await turns(6);
  expect(stalls()).toBe(0);
});

it('one that nobody waits for is not, until somebody does', async () => {
  const { body, watch, stalls } = pair();
  await watch.waitFor(Promise.resolve());
  body.write('x');
  await turns(6);
  expect(stalls()).toBe(0);
  void watch.waitFor(never());
  await turns(6);
  expect(stalls()).toBe(1);
});

it('one that goes on turn by turn is not', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  for (let count = 0; count < 30; count++) {
    body.write('x');
    await nextTurn();
    takeOn();
  }
  expect(stalls()).toBe(0);
});
