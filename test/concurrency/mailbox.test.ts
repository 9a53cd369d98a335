/** Events of a mailbox come in their order, and none is lost. */
import { expect, it } from 'vitest';
import { createMailbox } from '../../src/concurrency/mailbox.ts';

const { signal } = new AbortController();

it('hands out events that came before the reader, in their order', async () => {
  const mailbox = createMailbox<number>();
  for (const event of [1, 2, 3]) mailbox.post(event);
  expect([await mailbox.next({ signal }), await mailbox.next({ signal })]).toEqual([1, 2]);
  mailbox.post(4);
  expect([await mailbox.next({ signal }), await mailbox.next({ signal })]).toEqual([3, 4]);
});

it('hands out an event that comes while the reader waits', async () => {
  const mailbox = createMailbox<string>();
  const next = mailbox.next({ signal });
  mailbox.post('later');
  mailbox.post('even later');
  expect(await next).toBe('later');
  expect(await mailbox.next({ signal })).toBe('even later');
});

it('drops the events that nobody has taken', async () => {
  const mailbox = createMailbox<number>();
  mailbox.post(1);
  mailbox.clear();
  mailbox.post(2);
  expect(await mailbox.next({ signal })).toBe(2);
});

it('rejects with the reason of the signal, before and while it waits, and keeps the events', async () => {
  const mailbox = createMailbox<number>();
  const left = new Error('the reader has left');
  const reader = new AbortController();
  const next = mailbox.next({ signal: reader.signal });
  reader.abort(left);
  await expect(next).rejects.toBe(left);
  mailbox.post(1);
  await expect(mailbox.next({ signal: reader.signal })).rejects.toBe(left);
  expect(await mailbox.next({ signal })).toBe(1);
});
