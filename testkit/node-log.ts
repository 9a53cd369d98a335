/** What a node has logged: one JSON object a line, as pino writes it. */
import { createInterface } from 'node:readline';

export interface LogLine {
  level: number;
  time: number;
  msg: string;
  [field: string]: unknown;
}

export interface NodeLog {
  /** Every line so far, of all processes of this node. */
  lines: LogLine[];
  /** Returns the lines whose message contains `text`, logged at or after `since` (milliseconds since 1970). */
  find(text: string, since?: number): LogLine[];
  /** Adds what a process writes. */
  collect(output: NodeJS.ReadableStream): void;
}

export function nodeLog(): NodeLog {
  const lines: LogLine[] = [];
  return {
    lines,
    find: (text, since = 0) => lines.filter(({ msg, time }) => time >= since && msg.includes(text)),
    collect(output) {
      createInterface({ input: output }).on('line', (line) => lines.push(lineOf(line)));
    },
  };
}

/** Returns a line that is no JSON as a message of level 0. */
function lineOf(text: string): LogLine {
  try {
    const line = JSON.parse(text) as Partial<LogLine>;
    if (typeof line === 'object' && line !== null) return { level: 0, time: 0, msg: '', ...line };
  } catch {
    // A tool wrote it, or a crash cut it off.
  }
  return { level: 0, time: Date.now(), msg: text };
}
