/** What examining files takes: few processes, little memory, and nothing once nobody waits for it. */
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import { until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { indexedMov } from '../support/index-bombs.ts';
import { processesMentioning } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
afterEach(() => server.close());

/** Bytes of memory of each tool that works for the server now. */
async function toolsInMemory(): Promise<number[]> {
  const memory: number[] = [];
  for (const [pid] of await processesMentioning(server.dataDir)) {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    const pages = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '');
    if (/^ff(mpeg|probe)\n/.test(name)) memory.push(4096 * Number(pages.split(' ')[1] ?? 0));
  }
  return memory;
}

it('an index of 18 million packets is refused, and four of them at once share one place and 400 MB', async () => {
  server = await startServer({ CONCURRENCY: '1' });
  const bombs = Array.from({ length: 4 }, (_, n) => ({
    name: `bomb-${n}.mov`,
    bytes: indexedMov({
      chunk: Buffer.alloc(72_000, n + 1),
      chunks: 1,
      samplesPerChunk: 18_000_000,
      sampleBytes: 2,
      sampleDuration: 3,
      codec: 'sowt',
      sampleRate: 44_100,
      channels: 1,
    }),
  }));
  expect(bombs[0]?.bytes.length).toBeLessThan(73_000);
  let isOver = false;
  let most = { tools: 0, bytes: 0 };
  const watching = (async () => {
    while (!isOver) {
      const memory = await toolsInMemory();
      const bytes = memory.reduce((sum, each) => sum + each, 0);
      await pause(20);
      most = { tools: Math.max(most.tools, memory.length), bytes: Math.max(most.bytes, bytes) };
    }
  })();
  const answers = await Promise.all(bombs.map((bomb) => upload(server.url, bomb)));
  isOver = true;
  await watching;
  expect(answers.map(({ status }) => status)).toEqual(Array(4).fill(415));
  expect(most.tools).toBeLessThanOrEqual(2);
  expect(most.bytes).toBeLessThan(400e6);
  expect(server.services.governor.usage()).toMatchObject({ probes: 0, diskBytes: 0 });
});

it('a probe ends with its client', async () => {
  const folder = await temporaryFolder();
  const FFPROBE_PATH = path.join(folder, 'ffprobe');
  // It hangs where it reads packets.
  const script = 'case "$*" in *packet=*) exec sleep 1000;; esac; exec ffprobe "$@"';
  await writeFile(FFPROBE_PATH, `#!/bin/sh\n${script}\n`);
  await chmod(FFPROBE_PATH, 0o755);
  server = await startServer({ FFPROBE_PATH });
  const { governor } = server.services;

  const leaving = new AbortController();
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(wav(noise({ samples: 9000 })))]), 'a.wav');
  const answer = fetch(`${server.url}/upload`, { method: 'POST', body: form, signal: leaving.signal });
  const uploads = path.join(server.dataDir, 'uploads');
  const hanging = async () =>
    [...(await processesMentioning(uploads)).values()].filter((line) => line.includes('packet='));
  await until(async () => expect(await hanging()).not.toEqual([]));
  expect(governor.usage().probes).toBe(1);
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await until(async () => {
    expect([...(await processesMentioning(uploads)).values()]).toEqual([]);
    expect(governor.usage().probes).toBe(0);
    expect(await readdir(uploads)).toEqual([]);
  });
});
