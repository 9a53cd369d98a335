/**
 * Notices that a parser does not go on. Nothing in a multipart parser takes time of its own: what it has to say about the
 * bytes that it was given it says before the next turn of the event loop.
 */
import type { Readable } from 'node:stream';

/** Turns of the event loop in which a parser that could say something says nothing. One is enough; two are sure. */
const IDLE_TURNS = 2;

export interface ParserWatch {
  /** Waits for something from the parser. */
  waitFor<T>(step: Promise<T>): Promise<T>;
}

/**
 * @param body what is piped into the parser.
 * @param onStall called when a step will never come: it is waited for, and the parser takes no more or has everything.
 */
export function watchParser(body: Readable, onStall: () => void): ParserWatch {
  let isAwaited = false;
  /** Counts signs of life. */
  let life = 0;

  const look = (seen: number, turns: number) => {
    const isClientsTurn = !body.isPaused() && !body.readableEnded;
    if (seen !== life || !isAwaited || isClientsTurn) return;
    if (turns === IDLE_TURNS) onStall();
    else setImmediate(look, seen, turns + 1);
  };
  const onLife = () => {
    life++;
    look(life, 0);
  };
  body.on('pause', onLife).on('resume', onLife).on('end', onLife);

  return {
    async waitFor(step) {
      isAwaited = true;
      onLife();
      try {
        return await step;
      } finally {
        isAwaited = false;
        life++;
      }
    },
  };
}
