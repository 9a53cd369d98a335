/** Clients that send what they want, and read nothing. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './client.ts';
import type { TestServer } from './server.ts';

export interface UnreadingClients {
  /** A connection: the client's end of it, and the server's. */
  open(): Promise<{ client: Socket; ours: Socket }>;
  closeAll(): void;
}

export function unreadingClients({ url, app }: TestServer): UnreadingClients {
  const accepted = new Set<Socket>();
  app.server.on('connection', (socket) => accepted.add(socket));
  const clients = new Set<Socket>();
  return {
    async open() {
      const client = connect(Number(new URL(url).port), '127.0.0.1').pause();
      clients.add(client);
      client.on('error', () => {});
      await once(client, 'connect');
      const ours = await until(() => {
        const found = [...accepted].find(({ remotePort }) => remotePort === client.localPort);
        if (!found) throw new Error('the connection is not accepted yet');
        return found;
      });
      return { client, ours };
    },
    closeAll() {
      for (const client of clients) client.destroy();
      clients.clear();
    },
  };
}
