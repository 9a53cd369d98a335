/** Tracks the open connections. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const IDLE_CHECK_MS = 50;

export interface Connections {
  readonly open: ReadonlySet<Socket>;
  /**
   * Closes connections as they become idle; call it when the server closes. Node itself closes only those that are idle at
   * that moment. Connections that finish a response later, and those that browsers open in advance, would keep the server
   * open.
   */
  closeAsTheyFallIdle(): void;
}

/** Tracks the connections of a server; call it before the server listens. */
export function watchConnections(server: Server): Connections {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const closeIdle = () => {
    server.closeIdleConnections();
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
  return {
    open,
    closeAsTheyFallIdle() {
      const timer = setInterval(closeIdle, IDLE_CHECK_MS);
      server.once('close', () => clearInterval(timer));
    },
  };
}
