/** nginx with `deploy/balancer.conf` in front of nodes, as in production. It writes down what it had to repeat. */
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type EngineProcess,
  endEngineProcess,
  findProgram,
  startEngineProcess,
  untilReady,
} from '../../testkit/engine-process.ts';
import { freePort } from '../../testkit/ports.ts';
import { projectFolder } from '../../testkit/server-process.ts';

export interface Balancer {
  /** Without a slash at its end. */
  url: string;
  /** Resolves with how many requests nginx had to send to more than one node, once it has ended. */
  end(): Promise<number>;
}

/** @throws {Error} when nginx is not installed, or does not start. */
export async function startBalancer(nodeUrls: readonly string[], folder: string): Promise<Balancer> {
  const program = process.env.NGINX_PATH || findProgram('nginx');
  if (program === undefined) throw new Error('There is no nginx: apt-get install nginx-light');
  const own = path.join(folder, 'balancer');
  await mkdir(own);
  const port = await freePort();
  const text = await readFile(path.join(projectFolder, 'deploy', 'balancer.conf'), 'utf8');
  const file = path.join(own, 'nginx.conf');
  await writeFile(file, configurationOf(text, { own, port, nodeUrls }));
  const engine = startEngineProcess([program, '-p', own, '-c', file]);
  const url = `http://127.0.0.1:${port}`;
  const answers = async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.ok || undefined;
  await untilReady(answers, { what: 'nginx', engine });
  return { url, end: () => end(engine, path.join(own, 'access.log')) };
}

/** Returns a whole configuration around the file that is shipped, with what it marks as to be changed changed. */
export function configurationOf(
  shipped: string,
  { own, port, nodeUrls }: { own: string; port: number; nodeUrls: readonly string[] },
): string {
  const servers = nodeUrls.map((url) => `server ${new URL(url).host} max_fails=0;`).join('\n  ');
  const changed = shipped
    .replace(/^\s*resolver .*$/m, '')
    .replace(/server api:8000 resolve max_fails=0;/, servers)
    .replace(/listen 80;/, `listen 127.0.0.1:${port};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${own}/${name};`,
  );
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${own}/pid;
error_log ${own}/error.log;
events {}
http {
log_format upstreams '$upstream_addr';
access_log ${own}/access.log upstreams;
${temporary.join('\n')}
${changed}
}
`;
}

async function end(engine: EngineProcess, log: string): Promise<number> {
  const exited = once(engine.child, 'exit');
  engine.child.kill('SIGQUIT');
  const cutOff = setTimeout(() => engine.child.kill('SIGTERM'), 2000);
  await exited;
  clearTimeout(cutOff);
  await endEngineProcess(engine);
  const lines = (await readFile(log, 'utf8')).split('\n');
  return lines.filter((line) => line.includes(',')).length;
}
