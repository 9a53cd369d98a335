/** Stored files of tracks in the folders of `DATA_DIR`. */

import { randomUUID } from 'node:crypto';
import { access, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { absentAs } from '../storage/absent.ts';
import { segmentsIn } from '../storage/disk-segments.ts';
import { sidecarsIn } from '../storage/disk-sidecars.ts';
import { PRIVATE_FILE, PRIVATE_FOLDER } from '../storage/upload-name.ts';
import type { Files, TargetFiles, Writing } from './sides.ts';

const READ_BYTES = 1024 ** 2;

/** Changes nothing. @param dataDir absolute. */
export function diskFiles(dataDir: string): Files {
  const originals = path.join(dataDir, 'uploads');
  const segments = segmentsIn(path.join(dataDir, 'segments'));
  const manifests = path.join(dataDir, 'manifests');
  const sidecars = sidecarsIn(manifests);
  const fileOf = (name: string) => safeJoin(originals, name);

  return {
    listSegments: segments.listSegments,
    readSegment: segments.readSegment,
    readSidecar: sidecars.readSidecar,
    async listSidecars(home) {
      const sizeOf = async (name: string) =>
        (await absentAs(undefined, stat(safeJoin(manifests, home, name))))?.size ?? 0;
      const names = await sidecars.listSidecars(home);
      return Promise.all(names.map(async (name) => ({ name, bytes: await sizeOf(name) })));
    },
    hasUpload: async (upload) =>
      absentAs(
        false,
        access(fileOf(upload)).then(() => true),
      ),
    sizeOfOriginal: async (name) => (await absentAs(undefined, stat(fileOf(name))))?.size,
    async readOriginal(name, write, { signal }) {
      const handle = await absentAs(undefined, open(fileOf(name)));
      if (!handle) return false;
      try {
        const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
        for (;;) {
          signal.throwIfAborted();
          const { bytesRead } = await handle.read(buffer, 0, READ_BYTES);
          if (bytesRead === 0) return true;
          await write(buffer.subarray(0, bytesRead));
        }
      } finally {
        await handle.close();
      }
    },
  };
}

/** @param dataDir absolute; the folders in it are made when missing. No server may use it. */
export async function openDiskTargetFiles(dataDir: string): Promise<TargetFiles> {
  const originals = path.join(dataDir, 'uploads');
  const manifests = path.join(dataDir, 'manifests');
  const root = path.join(dataDir, 'segments');
  await mkdir(originals, { recursive: true, mode: PRIVATE_FOLDER });
  for (const folder of [root, manifests]) await mkdir(folder, { recursive: true });
  const segments = segmentsIn(root);
  const sidecars = sidecarsIn(manifests);

  return {
    ...diskFiles(dataDir),
    putSegment: segments.putSegment,
    syncSegments: segments.syncSegments,
    async putSidecar(home, name, bytes) {
      await mkdir(safeJoin(manifests, home), { recursive: true });
      await sidecars.putSidecar(home, name, bytes);
    },
    async putManifest(home, render) {
      const folder = safeJoin(manifests, home);
      await mkdir(folder, { recursive: true });
      const mpd = render(`../../segments/${encodeURIComponent(home)}/`);
      await writeFileAtomic(path.join(folder, 'manifest.mpd'), mpd, manifests);
    },
    writeOriginal: (name) => writeFile(originals, name),
  };
}

async function writeFile(folder: string, name: string): Promise<Writing> {
  const file = safeJoin(folder, name);
  const temporary = path.join(folder, TEMPORARY_PREFIX + randomUUID());
  const handle = await open(temporary, 'wx', PRIVATE_FILE);
  return {
    async write(chunk) {
      // A write may take less than it was given.
      for (let offset = 0; offset < chunk.length; ) {
        offset += (await handle.write(chunk, offset)).bytesWritten;
      }
    },
    async finish() {
      await handle.sync();
      await handle.close();
      await rename(temporary, file);
      await syncFolder(folder);
    },
    async discard() {
      await handle.close().catch(() => {});
      await rm(temporary, { force: true });
    },
  };
}
