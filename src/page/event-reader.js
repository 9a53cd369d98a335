/** Reads Server-Sent Events with fetch, for EventSource cannot send an API key. */

const RETRY_MS = 2000;

/**
 * Follows a stream forever: opens it again when it breaks off.
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
      // The server or the network is down for a moment.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * Reads the part of the event stream format (HTML Living Standard section 9.2.6) that this server uses: an event is an `event:`
 * and a `data:` line, and lines that begin with a colon are comments.
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
