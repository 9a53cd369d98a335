/** `/readyz`, which anybody may ask for, and which writes to the disk. */
import { expect, it, vi } from 'vitest';
import { request } from '../support/client.ts';
import { startServer } from '../support/server.ts';

it('looks once for all who ask at once or within the time that a look holds', async () => {
  const server = await startServer({}, { readinessMs: 60_000 });
  const { storage, library, selfTest } = server.services;
  const looks = [
    vi.spyOn(storage, 'assertWritable'),
    vi.spyOn(storage, 'room'),
    vi.spyOn(library, 'assertWritable'),
    vi.spyOn(selfTest, 'recentTrouble'),
  ];
  const ask = () => request(`${server.url}/readyz`);
  const answers = await Promise.all(Array.from({ length: 50 }, ask));
  for (const answer of [...answers, await ask()])
    expect(answer).toMatchObject({ status: 200, body: { status: 'ready' } });
  expect(looks.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1, 1]);
  await server.close();
});

it('looks anew after that time, also after one that could not be taken', async () => {
  const server = await startServer({}, { readinessMs: 0 });
  const room = vi.spyOn(server.services.storage, 'room').mockRejectedValueOnce(new Error('EIO'));
  const statuses: number[] = [];
  for (let n = 0; n < 3; n++) statuses.push((await request(`${server.url}/readyz`)).status);
  expect(statuses).toEqual([503, 200, 200]);
  expect(room).toHaveBeenCalledTimes(3);
  await server.close();
});
