/** How loud each error is in the log. */
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { AppError, ERROR_STATUS, type ErrorCode, errors } from '../../src/errors.ts';
import { registerProblems } from '../../src/http/problem.ts';

/** What the log says when a route throws this. */
async function logged(error: Error): Promise<string[]> {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const app = Fastify({ logger: { level: 'debug', stream } });
  registerProblems(app);
  app.get('/', async () => Promise.reject(error));
  await app.inject('/');
  return lines.filter((line) => /request (failed|refused)/.test(line));
}

const LOUD = ['internal', 'probe_unavailable', 'storage_unavailable'];

it.each(Object.keys(ERROR_STATUS) as ErrorCode[])('%s', async (code) => {
  const [line = '', ...others] = await logged(new AppError({ code, detail: 'a sentence' }));
  expect(others).toEqual([]);
  const isLoud = LOUD.includes(code);
  expect(JSON.parse(line)).toMatchObject({ level: isLoud ? 50 : 20 });
  expect(line).toContain('a sentence');
  expect(line.includes('"stack"')).toBe(isLoud);
});

it('an error that nobody expected is loud, and has its stack', async () => {
  const [line = ''] = await logged(new Error('oops'));
  expect(JSON.parse(line)).toMatchObject({ level: 50, err: { message: 'oops', stack: expect.any(String) } });
});

it('what a refusal comes from is told at debug', async () => {
  const [line = ''] = await logged(errors.unreadableMedia('no audio', new Error('ffprobe: invalid data')));
  expect(JSON.parse(line)).toMatchObject({
    level: 20,
    detail: 'no audio',
    err: { message: 'ffprobe: invalid data' },
  });
});
