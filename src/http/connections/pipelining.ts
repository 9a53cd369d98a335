/**
 * Handles the requests of one connection one after the other. HTTP/1.1 lets a client send many without reading an answer
 * (RFC 9112 section 9.3.2), and Node hands all of them over at once: 50,000 held requests on one connection stalled the
 * server for 1.8 s.
 */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that wait on one connection behind the one that is being answered, each with some 4 kB. */
export const MAX_QUEUED = 32;

/**
 * Hands a request over once all answers before it are sent. A connection with more than `MAX_QUEUED` requests behind is
 * closed: a client that pipelines has to retry what was not answered (RFC 9112 section 9.3.2).
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const queued = new WeakMap<Socket, number>();
  return (request, response) => {
    // Node gives a response its socket when it is the first in line: others pay for one comparison.
    if (response.socket !== null) return handle(request, response);
    const { socket } = request;
    // Node parses the rest of what it has read, also after the connection was closed.
    if (socket.destroyed) return;
    const count = (queued.get(socket) ?? 0) + 1;
    if (count > MAX_QUEUED) {
      socket.destroy();
      return;
    }
    queued.set(socket, count);
    response.once('socket', () => {
      queued.set(socket, (queued.get(socket) ?? 1) - 1);
      // Node is not done with giving the socket.
      queueMicrotask(() => {
        if (!socket.destroyed) handle(request, response);
      });
    });
  };
}
