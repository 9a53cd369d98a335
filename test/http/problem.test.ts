/** Logs errors: those that need the operator at `error`, all others at `debug`. */
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { AppError, ERROR_STATUS, type ErrorCode, errors } from '../../src/errors.ts';
import { registerProblems } from '../../src/http/problem.ts';

/** Returns the log lines of a route that throws this error. */
async function logged(error: Error, requests = 1): Promise<string[]> {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const app = Fastify({ logger: { level: 'debug', stream } });
  registerProblems(app);
  app.get('/', async () => Promise.reject(error));
  for (let request = 0; request < requests; request++) await app.inject('/');
  return lines.filter((line) => /request (failed|refused)/.test(line));
}

const LOGGED_AS_ERROR = ['internal', 'probe_unavailable', 'storage_unavailable'];

it.each(Object.keys(ERROR_STATUS) as ErrorCode[])('%s is logged at its level', async (code) => {
  const [line = '', ...others] = await logged(new AppError({ code, detail: 'a sentence' }));
  expect(others).toEqual([]);
  const isLoud = LOGGED_AS_ERROR.includes(code);
  expect(JSON.parse(line)).toMatchObject({ level: isLoud ? 50 : 20 });
  expect(line).toContain('a sentence');
  expect(line.includes('"stack"')).toBe(isLoud);
});

it('an unexpected error is logged at `error`, with its stack', async () => {
  const [line = ''] = await logged(new Error('oops'));
  expect(JSON.parse(line)).toMatchObject({ level: 50, err: { message: 'oops', stack: expect.any(String) } });
});

it('the cause of a refusal is logged at `debug`', async () => {
  const [line = ''] = await logged(errors.unreadableMedia('no audio', new Error('ffprobe: invalid data')));
  expect(JSON.parse(line)).toMatchObject({
    level: 20,
    detail: 'no audio',
    err: { message: 'ffprobe: invalid data' },
  });
});

it.each([
  ['storage_unavailable', 1],
  ['internal', 5],
] as const)('five of %s within a second are %i lines at `error`', async (code, loud) => {
  const lines = await logged(new AppError({ code, detail: 'a sentence' }), 5);
  expect(lines.filter((line) => JSON.parse(line).level === 50)).toHaveLength(loud);
  expect(lines).toHaveLength(5);
});
