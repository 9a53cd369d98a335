/** Leases a unit of a budget to a response until it is sent. */
import type { FastifyReply } from 'fastify';
import type { AppError } from '../../errors.ts';
import type { Budget } from '../../governor/budget.ts';

/**
 * Takes a unit until the response is sent or its client is gone.
 *
 * @throws {AppError} the error of `refused` when no unit is free for this holder.
 */
export function leaseForAnswer(
  budget: Budget,
  holder: string,
  { raw }: FastifyReply,
  refused: () => AppError,
): void {
  const lease = budget.tryTake(holder);
  if (!lease) throw refused();
  if (raw.destroyed) lease.release();
  else raw.once('close', lease.release);
}
