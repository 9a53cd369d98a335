/** A broadcast reaches all who wait, and only those. */
import { expect, it, vi } from 'vitest';
import { createBroadcast } from '../../src/concurrency/broadcast.ts';
import { collectGarbage } from '../support/garbage.ts';

it('tells a value to all who wait for it, and not to those who come later', async () => {
  const broadcast = createBroadcast<string>();
  broadcast.send('to nobody');
  const waits = [broadcast.next(), broadcast.next()];
  broadcast.send('first');
  const later = broadcast.next();
  broadcast.send('second');
  expect(await Promise.all(waits)).toEqual(['first', 'first']);
  expect(await later).toBe('second');
});

it('keeps no caller that has given up', async () => {
  const broadcast = createBroadcast<string>();
  const registry = new FinalizationRegistry<string>((name) => void collected.push(name));
  const collected: string[] = [];
  const giveUp = async () => {
    const client = new AbortController();
    registry.register(client, 'client');
    const next = broadcast.next(client);
    client.abort(new Error('left'));
    await next.catch(() => {});
  };
  await giveUp();
  await vi.waitFor(() => {
    collectGarbage();
    expect(collected).toEqual(['client']);
  });
});

it('rejects with the reason of the signal', async () => {
  const broadcast = createBroadcast<string>();
  const left = new Error('the client has left');
  const client = new AbortController();
  const next = broadcast.next(client);
  client.abort(left);
  broadcast.send('too late');
  await expect(next).rejects.toBe(left);
  await expect(broadcast.next(client)).rejects.toBe(left);
});
