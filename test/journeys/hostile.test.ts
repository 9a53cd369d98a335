/** Hostile files: nothing else is opened, nothing is kept that need not be, and the service goes on. */
import { execFile } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audioFile, ffmpeg, noise, type Sound, wav } from '../support/audio.ts';
import { getManifest, request, until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import {
  aliasReference,
  hugeRiff,
  id3,
  lyingXing,
  playlists,
  urlReference,
  withDataReference,
} from '../support/hostile.ts';

import { expectOnTimeline } from '../support/on-timeline.ts';
import { isThere } from '../support/requirement.ts';

import { startServer, type TestServer } from '../support/server.ts';

const run = promisify(execFile);
const LONG_SOUND: Sound = noise({ samples: 3 * 44_100, seed: 3 });

let server: TestServer;
let listener: Server;
let address: string;
let connections = 0;
beforeAll(async () => {
  const env = { KEEP_ORIGINALS: 'true', MAX_DURATION_SECONDS: '7200', LOG_LEVEL: 'trace' };
  server = await startServer(env);
  listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(listener.address() as { port: number }).port}/secret.mp3`;
});
afterAll(async () => {
  expect(connections).toBe(0);
  expect((await request(`${server.url}/healthz`)).status).toBe(200);
  expect((await request(`${server.url}/readyz`)).status).toBe(200);
  listener.close();
});

async function stored(): Promise<string[]> {
  const folders = ['uploads', 'segments', 'manifests'].map((name) => path.join(server.dataDir, name));
  return (await Promise.all(folders.map((folder) => readdir(folder, { recursive: true })))).flat().sort();
}

/** Refused, and nothing is kept. */
async function expectRefused(...files: { name: string; bytes: Buffer }[]): Promise<void> {
  const before = await stored();
  await Promise.all(
    files.map(async (file) => {
      const { status, body } = await upload(server.url, file);
      expect([status, body.code], `${file.name}: ${body.detail}`).toEqual([415, 'unsupported_media']);
      expect(body.detail).not.toContain(server.dataDir);
    }),
  );
  expect(await stored()).toEqual(before);
}

async function removed(filename: string): Promise<void> {
  const { status } = await request(`${server.url}/files/${encodeURIComponent(filename)}`, {
    method: 'DELETE',
  });
  expect(status).toBe(204);
}

describe('text that names other files is refused', () => {
  it.each(Object.keys(playlists('')))('%s, whatever its name, also behind an ID3 tag', async (format) => {
    const own = await upload(server.url, {
      name: 'victim.wav',
      bytes: wav(noise({ samples: 9000, seed: 1 })),
    });
    const [original] = await readdir(path.join(server.dataDir, 'uploads'));
    const victim = path.join(server.dataDir, 'uploads', original as string);
    expect(own.status).toBeLessThan(300);
    const texts = ['/etc/passwd', victim, `file://${victim}`, address].map((target) =>
      Buffer.from(playlists(target)[format] as string, 'latin1'),
    );
    await expectRefused(
      ...texts.flatMap((text, n) => [
        { name: `list.${['mp3', 'wav', 'm4a'][n % 3]}`, bytes: text },
        { name: `list.${['m4a', 'mp3', 'wav'][n % 3]}`, bytes: Buffer.concat([id3(), text]) },
      ]),
    );
  });
});

describe('an M4A whose media is elsewhere', () => {
  it.each([
    ['at an address', () => urlReference(address)],
    ['in another file, by URL', () => urlReference('file:///etc/passwd')],
    ['in another file, by alias', () => aliasReference('/etc/passwd')],
  ])('%s: is read as if it were here, or refused', async (_, reference) => {
    const m4a = await readFile(await audioFile('own.m4a', LONG_SOUND, ['-c:a', 'aac']));
    const { status, body } = await upload(server.url, {
      name: 'elsewhere.mov',
      bytes: withDataReference(m4a, reference()),
    });
    expect([201, 415, 422]).toContain(status);
    if (status === 201) {
      expect(body.samples).toBe(LONG_SOUND.pcm.length);
      await removed(body.filename);
    }
  });
});

describe('markup in tags and names', () => {
  const markup = `]]></MPD><script>alert(1)</script>"><BaseURL>http://127.0.0.1:9/</BaseURL>`;
  const tags = ['title', 'artist', 'album', 'LANGUAGE', 'language', 'handler_name'];
  it.each(['mp3', 'ogg', 'm4a', 'flac', 'opus', 'wma', 'webm'])(
    'of %s reaches nothing that is served',
    async (extension) => {
      const options = tags.flatMap((tag) => [
        '-metadata',
        `${tag}=en${markup}`,
        '-metadata:s:a:0',
        `${tag}=en${markup}`,
      ]);
      const codec = extension === 'webm' ? ['-c:a', 'libopus'] : [];
      const bytes = await readFile(
        await audioFile(`tagged.${extension}`, LONG_SOUND, [...codec, ...options]),
      );
      // Of two bytes a character in WMA.
      const isTagged = bytes.includes('<script>') || bytes.includes(Buffer.from('<script>', 'utf16le'));
      expect(isTagged, 'the tag is in the file').toBe(true);
      const { status, body, headers } = await upload(server.url, {
        name: `</title><script>x.${extension}`,
        bytes,
      });
      expect(status, body.detail).toBe(201);
      expect(body.filename).toMatch(/^[\w.-]+$/);
      const { xml, url } = await getManifest(server.url, body);
      const folder = path.join(server.dataDir, 'manifests', body.filename);
      const texts = [xml, await readFile(path.join(folder, 'manifest.mpd'), 'utf8')];
      for (const name of ['master.m3u8', 'aac-128k.m3u8']) {
        texts.push((await request<string>(new URL(name, url).href)).body);
      }
      texts.push([...headers].join('\n'), (await readdir(folder)).join());
      for (const text of texts) expect(text).not.toMatch(/<script|BaseURL|alert|\]\]/);
      // A line of the log is one JSON object, and nothing of the tags is in it.
      expect(server.logged.join('')).toContain(body.filename);
      for (const line of server.logged) expect(JSON.stringify(JSON.parse(line))).not.toMatch(/alert|BaseURL/);
      await removed(body.filename);
    },
  );
});

describe('numbers that lie', () => {
  it.each([
    ['a byte', Buffer.from('x')],
    ['a header and nothing else', Buffer.from('RIFF\xff\xff\xff\xffWAVE', 'latin1')],
    ['a page of HTML', Buffer.from(`<html><script>${'x'.repeat(5000)}</script></html>`)],
    ['zeros', Buffer.alloc(100_000)],
  ])('%s is refused', async (_, bytes) => {
    await expectRefused({ name: 'small.mp3', bytes });
  });

  it('an empty file is refused as such', async () => {
    const { status, body } = await upload(server.url, { name: 'empty.mp3', bytes: Buffer.alloc(0) });
    expect([status, body.code]).toEqual([400, 'empty_file']);
  });

  it('a RIFF of four gigabytes has the samples that are there', async () => {
    const { status, body } = await upload(server.url, { name: 'huge.wav', bytes: hugeRiff(20_000) });
    expect([status, body.samples]).toEqual([201, 20_000]);
    await removed(body.filename);
  });

  it.each([
    ['VBR', ['-q:a', '4']],
    ['CBR', ['-b:a', '64k']],
  ])('a header of %s that counts a billion frames is not believed', async (_, options) => {
    const mp3 = await readFile(await audioFile('lying.mp3', LONG_SOUND, options));
    const { status, body } = await upload(server.url, { name: 'lying.mp3', bytes: lyingXing(mp3) });
    expect(status, body.detail).toBe(201);
    expect(body.durationSeconds).toBeGreaterThan(2.9);
    expect(body.durationSeconds).toBeLessThan(3.2);
    await expectOnTimeline(await getManifest(server.url, body), body.samples);
    await removed(body.filename);
  });

  it('an MP4 with a time scale of 1 does not stop the server', async () => {
    const bytes = await readFile(await audioFile('lie.m4a', LONG_SOUND));
    bytes.writeUInt32BE(1, bytes.indexOf('mdhd') + 16);
    bytes.writeUInt32BE(0x7fff0000, bytes.indexOf('stts') + 16);
    const { status, body } = await upload(server.url, { name: 'lie.m4a', bytes });
    // What becomes of it depends on ffmpeg; that somebody answers does not.
    expect([201, 415, 422]).toContain(status);
    if (status !== 415) await removed(body.filename ?? 'lie.m4a');
    expect((await request(`${server.url}/files`)).status).toBe(200);
  });

  it('eight channels at 768 kHz become two at 48', async () => {
    const bytes = wav(noise({ samples: 76_800, sampleRate: 768_000, channels: 8 }));
    const { status, body } = await upload(server.url, { name: 'wide.wav', bytes });
    expect([status, body.samples, body.sampleRate, body.channels]).toEqual([201, 4800, 48_000, 2]);
    await removed(body.filename);
  });

  it.each(['aac', 'mp3'])(
    '%s whose sample rate changes midway is decoded end to end, and plays as a whole',
    async (extension) => {
      const parts = [44_100, 22_050].map((sampleRate) =>
        audioFile(`part.${extension}`, noise({ samples: 3 * sampleRate, sampleRate })).then((file) =>
          readFile(file),
        ),
      );
      const { status, body } = await upload(server.url, {
        name: `joined.${extension}`,
        bytes: Buffer.concat(await Promise.all(parts)),
      });
      expect([status, body.code]).toEqual([201, undefined]);
      // Six seconds; what decoders lose or add at the joint is a frame or two, and priming and padding.
      expect(Math.abs(body.samples - 6 * 44_100)).toBeLessThan(6 * 1152);
      await expectOnTimeline(await getManifest(server.url, body), body.samples);
      await removed(body.filename ?? `joined.${extension}`);
    },
  );

  it('a FLAC that expands ten-thousandfold is refused beyond MAX_DURATION_SECONDS', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'bomb.flac');
    const silence = 'anullsrc=r=8000:cl=mono:d=7300';
    await ffmpeg(['-f', 'lavfi', '-i', silence, '-c:a', 'flac', '-frame_size', '65535', file]);
    const bytes = await readFile(file);
    expect((2 * 8000 * 7300) / bytes.length).toBeGreaterThan(1000);
    const before = await stored();
    const { status, body } = await upload(server.url, { name: 'bomb.flac', bytes });
    expect([status, body.code]).toEqual([415, 'unsupported_media']);
    expect(body.detail).toContain('MAX_DURATION_SECONDS');
    expect(await stored()).toEqual(before);
  });

  it('so is one whose container cannot tell its length', async () => {
    const own = await startServer({ MAX_DURATION_SECONDS: '5' });
    const file = await audioFile('long.webm', noise({ samples: 8 * 44_100 }), ['-c:a', 'libopus']);
    const { status, body } = await upload(own.url, file);
    expect([status, body.code]).toEqual([415, 'unsupported_media']);
    expect(await readdir(path.join(own.dataDir, 'uploads'))).toEqual([]);
    await own.close();
  });

  it('hundreds of streams are refused', async () => {
    const file = await audioFile('one.wav', noise({ samples: 8000 }));
    const folder = await temporaryFolder();
    const many = path.join(folder, 'many.mka');
    await ffmpeg([
      '-i',
      file,
      ...Array.from({ length: 300 }, () => ['-map', '0:a']).flat(),
      '-c:a',
      'pcm_s16le',
      many,
    ]);
    await expectRefused({ name: 'many.mka', bytes: await readFile(many) });
  });
});

describe('polyglots', () => {
  const others: Record<string, Buffer> = {
    PDF: Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n'),
    GIF: Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1'),
    HTML: Buffer.from('<html><body><script>alert(1)</script></body></html>\n'),
    ZIP: Buffer.from('PK\x03\x04\x14\x00\x00\x00\x00\x00', 'latin1'),
  };
  it.each(Object.keys(others))(
    '%s before and behind an MP3 is audio or refused, and is never given out again',
    async (kind) => {
      const mp3 = await readFile(await audioFile('a.mp3', LONG_SOUND));
      for (const bytes of [
        Buffer.concat([others[kind] as Buffer, mp3]),
        Buffer.concat([mp3, others[kind] as Buffer]),
      ]) {
        const { status, body } = await upload(server.url, { name: `poly.${kind.toLowerCase()}`, bytes });
        expect([201, 415]).toContain(status);
        if (status !== 201) continue;
        await expectOnTimeline(await getManifest(server.url, body), body.samples);
        expect((await request(`${server.url}/uploads/poly.${kind.toLowerCase()}`)).status).toBe(404);
        await removed(body.filename);
      }
    },
  );
});

const hasStrace = isThere(
  await run('strace', ['-f', '-o', '/dev/null', 'true']).then(
    () => true,
    () => false,
  ),
  { what: 'strace is not installed or may not trace', untested: 'what ffmpeg opens' },
);

describe.runIf(hasStrace)('as strace sees it, without a sandbox', () => {
  const SYSTEM =
    /^\/(usr|lib\w*|bin|etc\/ld\.so|etc\/alternatives|dev\/|proc\/(self|sys|filesystems)|sys\/(devices\/system\/(cpu|node)|fs\/cgroup|kernel\/mm))/;

  it('ffmpeg and ffprobe open their own file, and no address', async () => {
    const folder = await temporaryFolder();
    const traced = async (name: string) => {
      const file = path.join(folder, name);
      const trace = `strace -f -qq -e trace=%file,%network -o ${folder}/trace.$$`;
      await writeFile(file, `#!/bin/sh\nexec ${trace} ${name} "$@"\n`);
      await chmod(file, 0o755);
      return file;
    };
    const own = await startServer({
      SANDBOX: 'off',
      FFMPEG_PATH: await traced('ffmpeg'),
      FFPROBE_PATH: await traced('ffprobe'),
    });
    const m4a = await readFile(await audioFile('own.m4a', LONG_SOUND, ['-c:a', 'aac']));
    const files = [
      { name: 'good.m4a', bytes: m4a },
      { name: 'elsewhere.mov', bytes: withDataReference(m4a, urlReference(address)) },
      { name: 'alias.mov', bytes: withDataReference(m4a, aliasReference('/etc/passwd')) },
      ...Object.entries(playlists('/etc/passwd')).map(([name, text]) => ({
        name: `${name}.mp3`,
        bytes: Buffer.from(text, 'latin1'),
      })),
      { name: 'address.mp3', bytes: Buffer.from(playlists(address).m3u8 as string) },
    ];
    for (const file of files) await upload(own.url, file);
    await own.close();

    const opened = new Set<string>();
    let connected = '';
    const names = await until(async () => {
      const found = (await readdir(folder)).filter((name) => name.startsWith('trace.'));
      expect(found.length).toBeGreaterThan(files.length);
      return found;
    });
    for (const name of names) {
      for (const line of (await readFile(path.join(folder, name), 'utf8')).split('\n')) {
        if (/connect\(.*AF_INET|sendto\(.*AF_INET/.test(line)) connected += `${line}\n`;
        const file = /\bopen(?:at)?\((?:AT_FDCWD, )?"([^"]+)".* = \d+$/.exec(line)?.[1];
        if (file) opened.add(file);
      }
    }
    expect(connected).toBe('');
    const foreign = [...opened].filter((file) => !SYSTEM.test(file));
    const ours = path.join(own.dataDir, 'uploads') + path.sep;
    const selfTest = path.join(own.dataDir, '.launch', 'self-test.wav');
    expect(foreign.filter((file) => !file.startsWith(ours) && file !== selfTest)).toEqual([]);
    expect(foreign.some((file) => file.startsWith(ours))).toBe(true);
  });
});
