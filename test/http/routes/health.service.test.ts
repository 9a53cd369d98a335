/** Limits the checks of `/readyz`, which anybody may request and which writes to the disk. */
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { createReadiness } from '../../../src/http/routes/readiness.ts';
import type { Services } from '../../../src/services.ts';
import { request } from '../../support/client.ts';
import { startServer } from '../../support/server.ts';

it('checks once for all requests at the same time or within the reuse time', async () => {
  const server = await startServer({}, { readinessMs: 60_000 });
  const { storage, library, selfTest } = server.services;
  const looks = [
    vi.spyOn(storage, 'assertWritable'),
    vi.spyOn(storage, 'room'),
    vi.spyOn(library, 'assertWritable'),
    vi.spyOn(selfTest, 'recentFault'),
  ];
  const ask = () => request(`${server.url}/readyz`);
  const answers = await Promise.all(Array.from({ length: 50 }, ask));
  for (const answer of [...answers, await ask()])
    expect(answer).toMatchObject({ status: 200, body: { status: 'ready' } });
  expect(looks.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1, 1]);
  await server.close();
});

it('checks again after the reuse time, and at once after a failed check', async () => {
  const room = vi
    .fn<Services['storage']['room']>()
    .mockRejectedValueOnce(new Error('EIO'))
    .mockResolvedValue({ bytes: 1e9, files: 1e6 });
  const services = {
    storage: { room, assertWritable: async () => {} },
    library: { assertWritable: async () => {} },
    selfTest: { recentFault: async () => null },
    tools: Promise.resolve({ version: '7.1' }),
    log: pino({ level: 'silent' }),
    engines: { places: {} },
  } as unknown as Services;
  const look = createReadiness(services, { minFreeBytes: 0 } as Config, 0);
  const oks: boolean[] = [];
  for (let n = 0; n < 3; n++) oks.push((await look()).room.ok);
  expect(oks).toEqual([false, true, true]);
  expect(room).toHaveBeenCalledTimes(3);
});
