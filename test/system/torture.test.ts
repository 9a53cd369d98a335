/** `npm run fuzz` and `npm run chaos`, shortened. */
import { expect, it } from 'vitest';
import { chaos } from '../../torture/chaos.ts';
import { fuzz } from '../../torture/fuzz.ts';

const log = () => {};

it('mutated files are borne', async () => {
  const report = await fuzz({ forms: 10, files: 24, seed: 11, formats: 8, log });
  expect(report.failures).toEqual([]);
  expect([...report.answers.values()].reduce((sum, count) => sum + count, 0)).toBe(24);
});

it('kills at random instants lose nothing', async () => {
  const report = await chaos({ kills: 4, seed: 11, formats: 4, log });
  expect(report.failures).toEqual([]);
  expect(report.kills).toBe(4);
  expect(report.acknowledged).toBeGreaterThan(0);
});
