/** Serves a folder with a bare Fastify and @fastify/static, to compare with. */
import fastifyStatic from '@fastify/static';
import Fastify from 'fastify';

const app = Fastify();
await app.register(fastifyStatic, {
  root: /** @type {string} */ (process.argv[2]),
  maxAge: '1y',
  immutable: true,
});
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
