/** Reads Server-Sent Events as a browser does. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';

export interface Listening {
  events: { event: string; data: TrackView; at: number }[];
  /** Resolves when the server ends the stream. */
  ended: Promise<void>;
  leave(): void;
}

export async function listen(url: string): Promise<Listening> {
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const events: Listening['events'] = [];
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream);
  const read = async () => {
    let event = '';
    for await (const line of createInterface({ input: body })) {
      if (line.startsWith('event: ')) event = line.slice(7);
      if (line.startsWith('data: '))
        events.push({ event, data: JSON.parse(line.slice(6)), at: performance.now() });
    }
  };
  return { events, ended: read().catch(() => {}), leave: () => leaving.abort() };
}
