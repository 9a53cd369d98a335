import { expect, it } from 'vitest';
import { portOf } from '../../cluster/port.ts';

it.each([
  [undefined, 8000],
  ['', 8000],
  [' 9000 ', 9000],
])('PORT=%j is %d', async (value, port) => {
  expect(await portOf(value)).toBe(port);
});

it.each(['http', '65536', '-1', '1.5'])('PORT=%s is refused with a sentence', async (value) => {
  await expect(portOf(value)).rejects.toThrow(
    `PORT="${value}" is not valid: it must be a whole number from 0 to 65535.`,
  );
});
