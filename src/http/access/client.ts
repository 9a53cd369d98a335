/** Who sends a request, for the budgets that are shared out among clients. */
import { isIPv6 } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';
import type { Keyring } from './api-keys.ts';

/** @returns the name of the API key of a request, else the address block that it comes from. */
export function holderOf(request: FastifyRequest, keyring: Keyring): string {
  const key = keyring.holderOf(request);
  return key === undefined ? addressBlock(request.ip) : `key ${key}`;
}

/** An IPv4 address as it is; of an IPv6 address its first 64 bits, which one customer has as a rule (RFC 6177). */
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

/** A signal that is aborted with 499 `client_closed` when the connection closes before the answer is sent. */
export function untilClosed(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(errors.clientClosed());
  });
  if (reply.raw.destroyed) controller.abort(errors.clientClosed());
  return controller.signal;
}
