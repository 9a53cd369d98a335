import { expect, it } from 'vitest';
import { assertTransition, TrackStatus } from '../../src/tracks/status.ts';

it('a track has three states', () => {
  expect(TrackStatus.options).toEqual(['processing', 'ready', 'failed']);
});

it.each([
  ['processing', 'processing'],
  ['processing', 'ready'],
  ['processing', 'failed'],
  ['failed', 'failed'],
  ['failed', 'processing'],
  ['ready', 'ready'],
  ['ready', 'processing'],
] as const)('lets a %s track become %s', (from, to) => {
  expect(() => assertTransition(from, to)).not.toThrow();
});

it.each([
  ['ready', 'failed'],
  ['failed', 'ready'],
] as const)('does not let a %s track become %s', (from, to) => {
  expect(() => assertTransition(from, to)).toThrow(`a ${from} track cannot become ${to}`);
});
