/** A proxy on the loopback that counts the HTTP requests to a server. */

import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

export interface RequestCounter {
  /** Address of the proxy, without a slash at its end. */
  url: string;
  /** Requests so far, by method. */
  counts(): Record<string, number>;
  close(): Promise<void>;
}

const REQUEST_LINE = /(GET|PUT|POST|DELETE|HEAD) \/\S* HTTP\/1\.1\r\n/g;

export async function countRequests(port: number): Promise<RequestCounter> {
  const counts: Record<string, number> = {};
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', (chunk) => {
      // A client of S3 sends the head of a request in one piece.
      for (const [, method = ''] of chunk.toString('latin1').matchAll(REQUEST_LINE))
        counts[method] = (counts[method] ?? 0) + 1;
      upstream.write(chunk);
    });
    upstream.pipe(client);
    client.on('end', () => upstream.end());
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () => ({ ...counts }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
