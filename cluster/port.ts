/** The port of the page: read from the environment, and free. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '../testkit/ports.ts';

const USUAL = '8000';
const HIGHEST = 65_535;

/**
 * Resolves with the port that a value of `PORT` names; 0 takes a free one.
 *
 * @throws {Error} with a sentence for people, when it names none.
 */
export async function portOf(value = ''): Promise<number> {
  const text = value.trim() || USUAL;
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= HIGHEST)) {
    throw new Error(`PORT="${value}" is not valid: it must be a whole number from 0 to ${HIGHEST}.`);
  }
  return port === 0 ? freePort() : port;
}

/** @throws {Error} with a sentence for people, when a program listens on the port, or this user may not. */
export async function checkFree(port: number): Promise<void> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw new Error(`Cannot listen on 127.0.0.1:${port} (PORT): ${message}.`);
    throw new Error(
      `Port ${port} on 127.0.0.1 is in use. Stop the program that uses it, or set PORT to another port.`,
    );
  }
  await once(probe.close(), 'close');
}
