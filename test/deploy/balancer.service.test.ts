/** `deploy/balancer.conf`, as nginx reads it. `npm run chaos -- --rolling` runs it in front of nodes that stop. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findProgram } from '../../testkit/engine-process.ts';
import { configurationOf } from '../../torture/cluster/balancer.ts';
import { temporaryFolder } from '../support/folders.ts';
import { isThere } from '../support/requirement.ts';
import { deployText } from './deploy-files.ts';

const program = process.env.NGINX_PATH || findProgram('nginx');
const hasNginx = isThere(program !== undefined, {
  what: 'there is no nginx: install it, or set NGINX_PATH',
  untested: 'deploy/balancer.conf',
});

it.runIf(hasNginx)('is taken by nginx, with nodes by name in place of Docker’s name server', async () => {
  const own = await temporaryFolder();
  const text = configurationOf(deployText('balancer.conf'), {
    own,
    port: 8000,
    nodeUrls: ['http://127.0.0.1:8001', 'http://127.0.0.1:8002'],
  });
  expect(text).toContain('server 127.0.0.1:8001 max_fails=0;\n  server 127.0.0.1:8002 max_fails=0;');
  expect(text).toContain('listen 127.0.0.1:8000;');
  expect(text).not.toMatch(/^\s*resolver |resolve max_fails/m);
  const file = path.join(own, 'nginx.conf');
  writeFileSync(file, text);
  const { status, stderr } = spawnSync(program as string, ['-t', '-p', own, '-c', file]);
  expect(String(stderr)).toContain('test is successful');
  expect(status).toBe(0);
});
