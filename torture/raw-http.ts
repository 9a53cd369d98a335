/** Sends the raw bytes of a request. */
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface RawRequest {
  /** Head and body. */
  bytes: Buffer;
  /** Offsets at which to split the bytes into writes, with a turn of the event loop between two writes. */
  cuts?: readonly number[];
  /** Step after the last byte: wait for the response, end the sending half, or leave. */
  end?: 'wait' | 'half' | 'leave';
  timeoutMs?: number;
}

export interface RawAnswer {
  /** Status; 0 if there was no response. */
  status: number;
  body: string;
}

/** Resolves with the first response, or when the connection closes. Rejects when neither happens in time. */
export function sendRaw(url: string, request: RawRequest): Promise<RawAnswer> {
  const { bytes, cuts = [], end = 'wait', timeoutMs = 20_000 } = request;
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  return new Promise<RawAnswer>((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answerIn(text));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no response in ${timeoutMs} ms`));
    }, timeoutMs);
    socket.setNoDelay(true);
    // A server may reset the connection after its response.
    socket.on('error', () => {});
    socket.on('close', done);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) done();
    });
    const write = async () => {
      const places = [0, ...cuts, bytes.length];
      for (let at = 1; at < places.length && socket.writable; at++) {
        socket.write(bytes.subarray(places[at - 1], places[at]));
        await nextTurn();
      }
      if (end === 'half') socket.end();
      if (end === 'leave') socket.end(() => socket.destroy());
    };
    socket.once('connect', () => write().catch(reject));
  });
}

function answerIn(text: string): RawAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), body };
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
  return head >= 0 && text.length >= head + 4 + length;
}
