/** Server-Sent Events by fetch, for EventSource cannot send a key. */

const RETRY_MS = 2000;

/**
 * Follows a stream for good: when it breaks off, it is opened again.
 *
 * @param {() => Promise<Response>} open
 * @param {(event: string, data: any) => void} onEvent
 */
export async function followEvents(open, onEvent) {
  for (;;) {
    try {
      const { body } = await open();
      if (body) await readEvents(body.pipeThrough(new TextDecoderStream()).getReader(), onEvent);
    } catch {
      // The server is away for a moment, or the network is.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * HTML Living Standard section 9.2.6, as far as our server goes: an event is an `event:` and a `data:` line, and lines that
 * begin with a colon are comments.
 *
 * @param {ReadableStreamDefaultReader<string>} reader
 * @param {(event: string, data: any) => void} onEvent
 */
async function readEvents(reader, onEvent) {
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/m.exec(block) ?? [];
      if (event !== undefined && data !== undefined) onEvent(event, JSON.parse(data));
    }
  }
}
