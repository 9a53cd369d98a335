import { afterEach, expect, it, vi } from 'vitest';
import { isThere } from './requirement.ts';

afterEach(() => vi.unstubAllEnvs());
const needs = { what: 'there is no nginx', untested: 'deploy/nginx.conf' };

it('leaves tests out, loudly, where what they need is missing', () => {
  vi.stubEnv('CI', '');
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  expect(isThere(true, needs)).toBe(true);
  expect(isThere(false, needs)).toBe(false);
  expect(warn.mock.calls).toEqual([['NOT TESTED: deploy/nginx.conf, for there is no nginx.']]);
  warn.mockRestore();
});

it('fails under CI=true instead', () => {
  vi.stubEnv('CI', 'true');
  expect(isThere(true, needs)).toBe(true);
  expect(() => isThere(false, needs)).toThrow(
    'NOT TESTED: deploy/nginx.conf, for there is no nginx. Under CI',
  );
});
