/** Identifies the client of a request, for the budgets that clients share. */
import { isIPv6 } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';
import type { Keyring } from './api-keys.ts';

/** Returns the name of the API key of a request, or else the address block of its client. */
export function holderOf(request: FastifyRequest, keyring: Keyring): string {
  const keyName = keyring.holderOf(request);
  return keyName === undefined ? addressBlock(request.ip) : `key ${keyName}`;
}

/** Returns an IPv4 address, or the first 64 bits of an IPv6 address, which usually belong to one customer (RFC 6177). */
export function addressBlock(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] as string).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/** Returns a signal that aborts with 499 `client_closed` when the connection closes before the response is sent. */
export function untilClosed(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(errors.clientClosed());
  });
  if (reply.raw.destroyed) controller.abort(errors.clientClosed());
  return controller.signal;
}
