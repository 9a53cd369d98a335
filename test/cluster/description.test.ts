import { expect, it } from 'vitest';
import { describeCluster } from '../../cluster/description.ts';

it('shows every part with its address and process id, and what to try', () => {
  const remove = async () => {};
  const text = describeCluster({
    url: 'http://localhost:8000',
    nodes: [
      { name: 'api', role: 'api', pid: 7, url: 'http://127.0.0.1:4001', remove },
      { name: 'encode-1', role: 'encode', pid: 12, url: 'http://127.0.0.1:4002', remove },
    ],
    databaseUrl: 'postgres://app@127.0.0.1:4003/postgres',
    s3: { endpoint: 'http://127.0.0.1:4004', bucket: 'test-1' },
    logFolder: '/tmp/x/logs',
  });
  expect(text).toBe(`
  page        http://localhost:8000          through nginx
  api         http://127.0.0.1:4001  pid 7   answers requests
  encode-1    http://127.0.0.1:4002  pid 12  encodes
  PostgreSQL  postgres://app@127.0.0.1:4003/postgres
  S3          http://127.0.0.1:4004/test-1
  logs        /tmp/x/logs

Upload a track and play it:
  curl -F file=@song.mp3 http://localhost:8000/upload
Which node encodes it is said below. Kill that node while the track plays: the other one goes on.
  kill -9 <pid>
Ctrl-C ends everything and removes all data.
`);
});
