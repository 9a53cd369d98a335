/**
 * Handles the requests of one connection one after the other. HTTP/1.1 lets a client send many without reading a response
 * (RFC 9112 section 9.3.2), and Node passes all of them on at once: 50,000 waiting requests on one connection stalled the
 * server for 1.8 s.
 */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Most requests of one connection that wait behind the current one. Each takes some 4 kB. */
export const MAX_QUEUED = 32;

/**
 * Wraps a handler so that it gets a request only after all responses before it are sent. Closes a connection with more than
 * `MAX_QUEUED` waiting requests: a client that pipelines must retry unanswered requests (RFC 9112 section 9.3.2).
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const queued = new WeakMap<Socket, number>();
  return (request, response) => {
    // Node gives a response its socket when it is the first in line, so usual requests cost one comparison.
    if (response.socket !== null) return handle(request, response);
    const { socket } = request;
    // Node parses the rest of the bytes that it has read even after the connection is closed.
    if (socket.destroyed) return;
    const count = (queued.get(socket) ?? 0) + 1;
    if (count > MAX_QUEUED) {
      socket.destroy();
      return;
    }
    queued.set(socket, count);
    response.once('socket', () => {
      queued.set(socket, (queued.get(socket) ?? 1) - 1);
      // Node has not finished assigning the socket at this point.
      queueMicrotask(() => {
        if (!socket.destroyed) handle(request, response);
      });
    });
  };
}
