/** A cluster of three nodes that encode slowly, for scenarios. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Engines, startCluster } from '../../testkit/cluster.ts';
import { writeOtherVersion, writeSlowFfmpeg } from '../../testkit/slow-ffmpeg.ts';
import { type Arena, pause } from './scenario.ts';

/** A run of ffmpeg encodes so many times as fast as it plays: a node with two processors needs 15 s for six minutes. */
const SPEED = 24;
const PIECE_SECONDS = 3;

/** A node that has just begun to listen takes over nothing for 8 s: the owners may have had the same gap. */
const SETTLED_MS = 9500;

export interface OpenArena extends Arena {
  close(): Promise<void>;
}

/**
 * Starts three nodes on fresh data.
 *
 * @param options.otherFfmpegOn name of a node that has another version of ffmpeg.
 * @param options.shorten what the minutes of each file are multiplied by.
 */
export async function openArena(
  { postgres, s3 }: Pick<Engines, 'postgres' | 's3'>,
  { otherFfmpegOn, shorten = 1 }: { otherFfmpegOn?: string | undefined; shorten?: number } = {},
): Promise<OpenArena> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-arena-'));
  const [piece, slow] = await Promise.all([makePiece(folder), writeSlowFfmpeg(folder, SPEED)]);
  const other = await writeOtherVersion(folder, SPEED);
  const cluster = await startCluster(
    { postgres, s3 },
    {
      nodes: ['a', 'b', 'c'].map((name) => ({
        name,
        role: 'all',
        env: { FFMPEG_PATH: name === otherFfmpegOn ? other : slow },
      })),
      env: { AUDIO_LADDER: 'aac@64k,aac@128k' },
    },
  );
  let files = 0;
  return {
    cluster,
    postgres,
    nodes: cluster.nodes as unknown as Arena['nodes'],
    folder,
    async settled() {
      const last = Math.max(...cluster.nodes.map(({ startedAt }) => startedAt));
      await pause(last + SETTLED_MS - performance.now());
    },
    file(minutes) {
      files++;
      const pieces = Math.max(1, Math.round((minutes * shorten * 60) / PIECE_SECONDS));
      const bytes = Buffer.concat([
        ...Array.from({ length: pieces }, () => piece),
        Buffer.from(`file ${files}`),
      ]);
      return { name: `file${files}.mp3`, bytes };
    },
    async close() {
      await cluster.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a piece of MP3 at a constant rate, which makes a longer one when it is repeated. */
async function makePiece(folder: string): Promise<Buffer> {
  const file = path.join(folder, 'piece.mp3');
  const sound = `anoisesrc=d=${PIECE_SECONDS}:r=44100:a=0.3:seed=7`;
  const options = ['-b:a', '64k', '-write_xing', '0', '-id3v2_version', '0'];
  await promisify(execFile)('ffmpeg', [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    sound,
    '-ac',
    '1',
    ...options,
    file,
  ]);
  return readFile(file);
}
