import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { openDiskSource, openDiskTarget } from '../../src/moving/disk-sides.ts';
import { parseOrder, runMove } from '../../src/moving/run.ts';
import { temporaryFolder } from '../support/folders.ts';

it.each([
  [['--to', 'cluster'], { to: 'cluster', dataDir: undefined }],
  [['--to=disk', '--data-dir=a=b'], { to: 'disk', dataDir: 'a=b' }],
  [['--data-dir', '/srv/audio', '--to', 'disk'], { to: 'disk', dataDir: '/srv/audio' }],
  [['--help'], { help: expect.stringContaining('--to cluster') }],
])('understands %j', (args, order) => expect(parseOrder(args)).toEqual(order));

it.each([
  [[], 'Say --to cluster or --to disk.'],
  [['--to', 'tape'], 'Say --to cluster or --to disk.'],
  [['--to'], '--to needs a value.'],
  [['cluster'], '"cluster" is no option.'],
])('explains what is wrong with %j', (args, sentence) => {
  expect(() => parseOrder(args)).toThrow(sentence);
  expect(() => parseOrder(args)).toThrow('npm run migrate -- --to cluster');
});

it('asks for the database and the bucket', async () => {
  const run = runMove({
    config: parseConfig({}, '/'),
    order: { to: 'cluster', dataDir: undefined },
    log: pino({ level: 'silent' }),
    print() {},
    signal: new AbortController().signal,
  });
  await expect(run).rejects.toThrow('Set DATABASE_URL and S3_BUCKET');
});

it('takes no folder without a library for a source, and makes none there', async () => {
  const folder = await temporaryFolder();
  await expect(openDiskSource(folder)).rejects.toThrow(`${folder} holds no library`);
  expect(await readdir(folder)).toEqual([]);
});

it('puts no library into the scratch space of a node', async () => {
  const folder = await temporaryFolder();
  await mkdir(path.join(folder, 'scratch'));
  await expect(openDiskTarget(folder)).rejects.toThrow(`${folder} is the scratch space of a node`);
  expect(await readdir(folder)).toEqual(['scratch']);
});
