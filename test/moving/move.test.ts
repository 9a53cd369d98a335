/** A library is copied from one folder to another: what is said of its source and its target holds for every kind of them. */
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { coverFileName } from '../../src/facts/cover-files.ts';
import { openDiskSource, openDiskTarget } from '../../src/moving/disk-sides.ts';
import { move } from '../../src/moving/move.ts';
import type { Source, Target } from '../../src/moving/sides.ts';
import { temporaryFolder } from '../support/folders.ts';
import { COVER, contentOf, makeLibrary, makeTrack, writeRecord } from '../support/made-library.ts';

let from: string;
let to: string;
beforeEach(async () => {
  [from, to] = [await temporaryFolder(), await temporaryFolder()];
});

/** What a test does to the sides before they are used. */
interface Around {
  source?(source: Source): void;
  target?(target: Target): void;
  signal?: AbortSignal;
}

/** Copies `from` to `to`. Resolves with what was printed, and with what was stored at the target. */
async function run({ source: change, target: changeTarget, signal }: Around = {}) {
  const lines: string[] = [];
  const puts: string[] = [];
  const source = await openDiskSource(from);
  const target = await openDiskTarget(to);
  const { putSegment, putSidecar } = target.files;
  target.files.putSegment = async (home, name, bytes) => {
    await putSegment(home, name, bytes);
    puts.push(`${home}/${name}`);
  };
  target.files.putSidecar = async (home, name, bytes) => {
    await putSidecar(home, name, bytes);
    puts.push(`${home}/${name}`);
  };
  change?.(source);
  changeTarget?.(target);
  const print = (line: string) => void lines.push(line);
  try {
    const options = { source, target, print, signal: signal ?? new AbortController().signal };
    return { isComplete: await move(options), text: lines.join('\n'), puts };
  } catch (error) {
    return { error, text: lines.join('\n'), puts };
  } finally {
    await target.close();
  }
}

const original = Buffer.alloc(100_000, 'an original ');
const failure = { code: 'internal', message: 'Processing failed.' };
const makeAll = () => makeLibrary(from);

describe('a copy', () => {
  it('is equal to its source, which stays as it was', async () => {
    await makeAll();
    const before = await contentOf(from);
    const { isComplete, text } = await run();
    expect(text).toContain('Copied 5 tracks');
    expect(text).toContain('Checked: 5 tracks are at the target');
    expect(isComplete).toBe(true);
    expect(await contentOf(to)).toEqual(before);
    expect(await contentOf(from)).toEqual(before);
  });

  it('stores nothing again in a second run', async () => {
    await makeAll();
    await run();
    const { isComplete, text, puts } = await run();
    expect([isComplete, puts]).toEqual([true, []]);
    expect(text).toContain('Copied 0 tracks (0 B)');
    expect(text).toContain('5 were there');
  });

  it('goes on where it was stopped', async () => {
    await makeAll();
    const stop = new AbortController();
    const stopped = await run({
      signal: stop.signal,
      target({ files }) {
        const { putSegment } = files;
        let left = 6;
        files.putSegment = async (...segment) => {
          if (--left === 0) stop.abort(new Error('stopped'));
          await putSegment(...segment);
        };
      },
    });
    expect(stopped.error).toEqual(new Error('stopped'));
    const resumed = await run();
    expect(resumed.isComplete).toBe(true);
    expect(resumed.puts.filter((put) => stopped.puts.includes(put))).toEqual([]);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('stores again what is cut or missing at the target', async () => {
    await makeAll();
    await run();
    const folder = path.join(to, 'segments', 'ready.mp3');
    const [first, second] = (await readdir(folder)).sort() as [string, string];
    await truncate(path.join(folder, first), 10);
    await rm(path.join(folder, second));
    const { isComplete, puts } = await run();
    expect([isComplete, puts.sort()]).toEqual([true, [`ready.mp3/${first}`, `ready.mp3/${second}`]]);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('stores sidecars again that are missing or changed', async () => {
    await makeAll();
    await run();
    const folder = path.join(to, 'manifests', 'ready.mp3');
    await rm(path.join(folder, coverFileName(COVER, 320)));
    await writeFile(path.join(folder, 'pauses.json'), 'cut');
    const { isComplete, puts } = await run();
    expect(isComplete).toBe(true);
    expect(puts.sort()).toEqual([`ready.mp3/${coverFileName(COVER, 320)}`, 'ready.mp3/pauses.json']);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('goes on with sidecars of a record that was not copied, and looks at their bytes', async () => {
    const track = await makeTrack(from, 'a.mp3', {
      sidecars: { 'pauses.json': 'new', 'other.json': 'same' },
    });
    await makeTrack(to, 'a.mp3', {
      changes: track,
      sidecars: { 'pauses.json': 'old', 'other.json': 'same' },
    });
    await rm(path.join(to, 'manifests', 'a.mp3', 'track.json'));
    const { isComplete, puts } = await run();
    expect([isComplete, puts]).toEqual([true, ['a.mp3/pauses.json']]);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('says which cover is missing at the source', async () => {
    await makeTrack(from, 'a.mp3', { changes: { cover: COVER } });
    const { isComplete, text } = await run();
    expect(isComplete).toBe(false);
    expect(text).toContain(`its cover ${coverFileName(COVER, 96)} is missing`);
  });

  it('ends at a target that is full', async () => {
    await makeAll();
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const { error } = await run({
      target({ files }) {
        files.putSegment = () => Promise.reject(full);
      },
    });
    expect(error).toBe(full);
  });
});

describe('a source that is served', () => {
  /** Does something once the first segment of a track was read. */
  const once = (filename: string, happens: () => Promise<void>) => (source: Source) => {
    const { readSegment } = source.files;
    let isOver = false;
    source.files.readSegment = async (home, name) => {
      const bytes = await readSegment(home, name);
      if (home === filename && !isOver) {
        isOver = true;
        await happens();
      }
      return bytes;
    };
  };
  const remove = async (filename: string) => {
    for (const part of ['manifests', 'segments']) {
      await rm(path.join(from, part, filename), { recursive: true, force: true });
    }
  };

  it('has a track that is added meanwhile copied, too', async () => {
    await makeTrack(from, 'first.mp3');
    const { isComplete } = await run({
      source: once('first.mp3', async () => void (await makeTrack(from, 'second.mp3'))),
    });
    expect(isComplete).toBe(true);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('has the later record of a track that is changed meanwhile', async () => {
    const track = await makeTrack(from, 'retried.mp3', { changes: { status: 'failed', error: failure } });
    const { isComplete, text } = await run({
      source: once('retried.mp3', async () => {
        await writeRecord(from, { ...track, status: 'ready', error: null });
      }),
    });
    expect(text).toContain('Checked: 1 tracks');
    expect(isComplete).toBe(true);
    expect((await contentOf(to))['manifests/retried.mp3/track.json']).toContain('"status": "ready"');
  });

  it('may lose a track while that is copied', async () => {
    await makeTrack(from, 'gone.mp3');
    await makeTrack(from, 'stays.mp3');
    const { isComplete, text } = await run({ source: once('gone.mp3', () => remove('gone.mp3')) });
    expect(isComplete).toBe(true);
    expect(text).not.toContain('gone.mp3');
    expect(Object.keys(await contentOf(to)).filter((file) => file.includes('gone'))).not.toContain(
      'manifests/gone.mp3/track.json',
    );
  });

  it('may lose a track after that was copied, and the target keeps it', async () => {
    await makeTrack(from, 'gone.mp3');
    await makeTrack(from, 'stays.mp3');
    const { isComplete, text } = await run({
      target({ importing }) {
        const { add } = importing;
        importing.add = async (track) => {
          const added = await add(track);
          if (track.filename === 'gone.mp3') await remove('gone.mp3');
          return added;
        };
      },
    });
    expect(text).toContain('delete them at the target, too (1):\n  "gone.mp3"');
    expect(isComplete).toBe(false);
    expect((await contentOf(to))['manifests/gone.mp3/track.json']).toBeDefined();
  });

  it('leaves a track that its server encodes to a later run, and that run gets all of it', async () => {
    const track = await makeTrack(from, 'processing.wav', { changes: { status: 'processing' }, segments: 2 });
    const isServed = (source: Source) => {
      source.isEncoding = async () => true;
    };
    const { isComplete, text, puts } = await run({ source: isServed });
    expect([isComplete, puts]).toEqual([false, []]);
    expect(text).toContain('Being encoded at the source');
    expect(text).toContain('"processing.wav"');
    await makeTrack(from, 'processing.wav', { changes: { ...track, status: 'ready' } });
    expect((await run({ source: isServed })).isComplete).toBe(true);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('has a track that was copied half-done replaced when it is ready', async () => {
    const track = await makeTrack(from, 'late.wav', { changes: { status: 'processing' }, segments: 2 });
    expect((await run()).isComplete).toBe(true);
    await makeTrack(from, 'late.wav', { changes: { ...track, status: 'ready' } });
    const { isComplete, puts } = await run();
    expect([isComplete, puts.length]).toEqual([true, 2]);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });
});

describe('a track is refused, and the others are copied,', () => {
  const refusedFor = async (reason: string) => {
    const before = await contentOf(to);
    const { isComplete, text } = await run();
    expect(text).toContain(reason);
    expect(isComplete).toBe(false);
    const after = await contentOf(to);
    expect(after).toMatchObject(before);
    expect(after['manifests/other.mp3/track.json']).toBeDefined();
  };
  beforeEach(async () => {
    await makeTrack(from, 'other.mp3');
    await makeTrack(to, 'own.mp3');
  });

  it('where the target has other bytes under its name', async () => {
    await makeTrack(from, 'own.mp3');
    await refusedFor('"own.mp3": the target has a track of this name with other bytes');
  });

  it('where the target has its bytes under another name', async () => {
    await makeTrack(to, 'kept.mp3', { original });
    await makeTrack(from, 'mine.mp3', { original });
    await refusedFor('"mine.mp3": the target has the same bytes as "kept.mp3"');
  });

  it('where the target has its name in another case', async () => {
    await makeTrack(from, 'Own.mp3');
    await refusedFor('"Own.mp3": the target has "own.mp3", the same name to some file systems');
  });

  it('where the target has another upload of it', async () => {
    const { uploadedAt } = await makeTrack(to, 'kept.mp3', { original });
    await makeTrack(from, 'kept.mp3', { original });
    await refusedFor(`"kept.mp3": the target has another upload of the same file, of ${uploadedAt}`);
  });

  it('where its record cannot be read on either side', async () => {
    for (const [dataDir, filename] of [
      [from, 'torn-here.mp3'],
      [to, 'torn-there.mp3'],
    ] as const) {
      await makeTrack(dataDir, filename);
      await writeFile(path.join(dataDir, 'manifests', filename, 'track.json'), '{"version": 1');
    }
    await makeTrack(from, 'torn-there.mp3');
    await refusedFor('"torn-here.mp3": its record cannot be read at the source');
    await refusedFor('"torn-there.mp3": the target has a record of this name that cannot be read');
  });

  it('where its original is missing, or has other bytes than its record says', async () => {
    const { upload } = await makeTrack(from, 'lost.mp3', { original });
    await rm(path.join(from, 'uploads', upload as string));
    const other = await makeTrack(from, 'rotten.mp3', { original: Buffer.from('rotten') });
    await writeFile(path.join(from, 'uploads', other.upload as string), 'r0tten');
    await refusedFor(`"lost.mp3": its original uploads/${upload} is missing at the source`);
    await refusedFor(`"rotten.mp3": its original uploads/${other.upload} has other bytes at the source`);
  });
});

it('names what is wrong with a track that was damaged at its source', async () => {
  await makeTrack(from, 'damaged.mp3');
  const folder = path.join(from, 'segments', 'damaged.mp3');
  const [first, second] = (await readdir(folder)).sort() as [string, string];
  await truncate(path.join(folder, first), 100);
  await rm(path.join(folder, second));
  const { isComplete, text } = await run();
  expect(isComplete).toBe(false);
  expect(text).toContain(`"damaged.mp3": ${first} is cut short, ${second} is missing`);
});
