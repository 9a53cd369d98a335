/**
 * Detects a stalled parser. A multipart parser does nothing that takes time: it reports on its input before the next turn
 * of the event loop.
 */
import type { Readable } from 'node:stream';

/** Turns of the event loop without a report after which a parser counts as stalled. One would do; two are certain. */
const IDLE_TURNS = 2;

export interface ParserWatch {
  /** Settles as `step` does, watching the parser meanwhile. */
  waitFor<T>(step: Promise<T>): Promise<T>;
}

/**
 * Watches a parser.
 *
 * @param body is piped into the parser.
 * @param onStall is called when a step will never settle: the parser has all input or takes no more.
 */
export function watchParser(body: Readable, onStall: () => void): ParserWatch {
  let isAwaited = false;
  /** Counts events of the parser. */
  let activity = 0;

  const look = (seen: number, turns: number) => {
    const isClientsTurn = !body.isPaused() && !body.readableEnded;
    if (seen !== activity || !isAwaited || isClientsTurn) return;
    if (turns === IDLE_TURNS) onStall();
    else setImmediate(look, seen, turns + 1);
  };
  const onActivity = () => {
    activity++;
    look(activity, 0);
  };
  body.on('pause', onActivity).on('resume', onActivity).on('end', onActivity);

  return {
    async waitFor(step) {
      isAwaited = true;
      onActivity();
      try {
        return await step;
      } finally {
        isAwaited = false;
        activity++;
      }
    },
  };
}
