/** Units of a budget that an answer holds until its connection is done with it. */
import type { FastifyReply } from 'fastify';
import type { AppError } from '../../errors.ts';
import type { Budget } from '../../governor/budget.ts';

/**
 * Takes a unit until the answer is sent, or its client is gone.
 *
 * @throws {AppError} `refused`, when none is free for this holder.
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
