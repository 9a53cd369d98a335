/** The most that Node's own HTTP server can do: one file, from memory, and nothing looked at. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const bytes = readFileSync(/** @type {string} */ (process.argv[2]));
const headers = { 'content-type': 'audio/mp4', 'content-length': bytes.length };
const server = createServer((_request, response) => response.writeHead(200, headers).end(bytes));
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.stdout.write(`http://127.0.0.1:${port}\n`);
});
