/** `deploy/nginx.conf`, in a real nginx in front of a real server. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import {
  getManifest,
  type Manifest,
  type Problem,
  request,
  settled,
  until,
  upload,
} from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { expectOnTimeline } from '../support/on-timeline.ts';
import { projectFolder } from '../support/process.ts';
import { isThere } from '../support/requirement.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

const run = promisify(execFile);

const program = process.env.NGINX_PATH || 'nginx';
const hasNginx = isThere(
  await run(program, ['-v']).then(
    () => true,
    () => false,
  ),
  { what: 'there is no nginx: install it, or set NGINX_PATH', untested: 'deploy/nginx.conf' },
);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

describe.runIf(hasNginx)('behind nginx', () => {
  let server: TestServer;
  let url: string;
  let stop: () => Promise<void>;

  /** The file as it is in the repository, but for its three marked lines; around it what a distribution brings. */
  async function startNginx(more = ''): Promise<void> {
    const folder = await temporaryFolder();
    const port = await freePort();
    const text = await readFile(path.join(projectFolder, 'deploy', 'nginx.conf'), 'utf8');
    const site = text
      .replace('server 127.0.0.1:8000;', `server ${new URL(server.url).host};`)
      .replace('listen 80;', `listen 127.0.0.1:${port};`)
      .replace('root /srv/audio;', `root ${server.dataDir};`)
      .replace(/^ {2}location \/ \{/m, `${more}\n  location / {`);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    await mkdir(path.join(folder, 'conf.d'));
    await writeFile(path.join(folder, 'conf.d', 'audio.conf'), site);
    await writeFile(
      path.join(folder, 'nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
events {} http { access_log off; ${temporary.join(' ')} include ${folder}/conf.d/*.conf; }`,
    );
    const args = ['-p', folder, '-c', path.join(folder, 'nginx.conf')];
    await run(program, ['-t', ...args]);
    const child = spawn(program, args, { stdio: 'ignore' });
    stop = async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    url = `http://127.0.0.1:${port}`;
    await until(async () => expect((await fetch(`${url}/healthz`)).ok).toBe(true));
  }

  const through = (address: string) => url + new URL(address).pathname;

  beforeAll(async () => {
    server = await startServer({ SEGMENT_SECONDS: '1', FFMPEG_PATH: await slowFfmpeg(4) });
    await startNginx(`
  location /audio/ { proxy_pass http://audio_server/; }
`);
  });
  afterAll(() => stop());

  it('a track is uploaded, listed, played from the first segment on, and deleted', async () => {
    const samples = 8 * 44_100;
    const sound = { name: 'tök & <song>.wav', bytes: wav(noise({ samples, seed: 41 })) };
    const { status, body } = await upload(url, sound, '');
    expect(status).toBe(201);
    expect(body.status).toBe('processing');
    // The last ones are not encoded yet: they are held.
    const manifest = await getManifest(url, body);
    await expectOnTimeline(manifest, samples);
    expect((await settled(url, body.filename)).status).toBe('ready');
    await expectOnTimeline(manifest, samples);
    const list = await request<{ filename: string }[]>(`${url}/files`);
    expect(list.body.map(({ filename }) => filename)).toContain(body.filename);
    const gone = await request(`${url}/files/${encodeURIComponent(body.filename)}`, { method: 'DELETE' });
    expect(gone.status).toBe(204);
    const after = await request<Problem>(manifest.initUrl);
    expect([after.status, after.body.code]).toEqual([404, 'track_not_found']);
  });

  describe('a stored segment', () => {
    let manifest: Manifest;
    let segment: string;
    beforeAll(async () => {
      const sound = { name: 'stored.wav', bytes: wav(noise({ samples: 90_000, seed: 42 })) };
      const { body } = await upload(url, sound, '?wait=ready');
      manifest = await getManifest(url, body);
      segment = manifest.segments[0]?.url as string;
    });

    it('has the headers that the server gives it, and the same bytes', async () => {
      for (const address of [manifest.initUrl, segment]) {
        const [ours, theirs] = [await fetch(server.url + new URL(address).pathname), await fetch(address)];
        expect(theirs.headers.get('server')).toMatch(/nginx/);
        for (const [name, value] of ours.headers) {
          if (['date', 'etag', 'connection', 'keep-alive', 'accept-ranges'].includes(name)) continue;
          expect(theirs.headers.get(name), name).toBe(value);
        }
        expect(theirs.headers.get('etag')).toMatch(/^"/);
        expect(Buffer.from(await theirs.arrayBuffer())).toEqual(Buffer.from(await ours.arrayBuffer()));
      }
    });

    it('comes from disk: the server is not asked', async () => {
      let asked = 0;
      const count = () => asked++;
      server.app.server.on('request', count);
      expect((await fetch(segment)).status).toBe(200);
      expect((await fetch(segment, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
      expect(asked).toBe(0);
      await fetch(manifest.url);
      expect(asked).toBe(1);
      server.app.server.off('request', count);
    });

    it('may be asked for from other sites', async () => {
      const headers = { origin: 'https://player.example', 'access-control-request-method': 'GET' };
      const preflight = await fetch(segment, { method: 'OPTIONS', headers });
      expect([preflight.status, preflight.headers.get('access-control-max-age')]).toEqual([204, '86400']);
    });

    it('is asked of the server where it is not on disk', async () => {
      const file = path.join(server.dataDir, 'segments', 'stored.wav', path.basename(segment));
      await rename(file, `${file}.away`);
      // It is in the server's memory still.
      expect((await fetch(segment)).status).toBe(200);
      await rename(`${file}.away`, file);
    });
  });

  it.each([
    '..%2f..%2fmanifests%2fstored.wav%2ftrack.json',
    '../../manifests/stored.wav/track.json',
    'x.mp4%00',
  ])('nothing else on disk is reached by %s', async (name) => {
    const { status } = await request(`${url}/stream/stored.wav/segment/${name}`);
    expect([400, 404]).toContain(status);
  });

  it('it works below a path as well', async () => {
    const page = await (await fetch(`${url}/audio/`)).text();
    expect(page).toContain('assets/app.js');
    expect((await fetch(`${url}/audio/assets/app.js`)).status).toBe(200);
    const { body } = await upload(`${url}/audio`, {
      name: 'below.wav',
      bytes: wav(noise({ samples: 9000 })),
    });
    const manifest = await fetch(`${url}/audio${body.manifestUrl}`);
    expect(manifest.status).toBe(200);
    const init = /initialization="([^"]+)"/.exec(await manifest.text())?.[1] ?? '';
    expect((await fetch(new URL(init, manifest.url))).status).toBe(200);
    expect(through(manifest.url)).toContain('/audio/stream/below.wav/');
  });
});
