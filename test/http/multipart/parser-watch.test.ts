import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { watchParser } from '../../../src/http/multipart/parser-watch.ts';

const never = () => new Promise<never>(() => {});
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await nextTurn();
};

/** Makes a parser that takes input on demand, and a body that is piped into it. */
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

it('a parser that takes no more input and reports nothing is stalled', async () => {
  const { body, watch, stalls } = pair();
  void watch.waitFor(never());
  body.write('x');
  await turns(6);
  expect(stalls()).toBe(1);
});

it('a parser that got all input and reports nothing is stalled', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  body.end('x');
  await nextTurn();
  takeOn();
  await turns(6);
  expect(stalls()).toBe(1);
});

it('a parser that waits for more input is not stalled', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  await turns(6);
  body.write('x');
  await nextTurn();
  takeOn();
  await turns(6);
  expect(stalls()).toBe(0);
});

it('a parser is stalled only while a step is awaited', async () => {
  const { body, watch, stalls } = pair();
  await watch.waitFor(Promise.resolve());
  body.write('x');
  await turns(6);
  expect(stalls()).toBe(0);
  void watch.waitFor(never());
  await turns(6);
  expect(stalls()).toBe(1);
});

it('a parser that takes input turn by turn is not stalled', async () => {
  const { body, watch, takeOn, stalls } = pair();
  void watch.waitFor(never());
  for (let count = 0; count < 30; count++) {
    body.write('x');
    await nextTurn();
    takeOn();
  }
  expect(stalls()).toBe(0);
});
