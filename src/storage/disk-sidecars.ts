/** Sidecars on disk: files beside the record and the manifest of their track. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { readPublished } from '../disk/read.ts';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { absentAs } from './absent.ts';
import { assertSidecarName, isSidecarName } from './sidecar-name.ts';
import type { Storage } from './storage.ts';

export type Sidecars = Pick<Storage, 'putSidecar' | 'readSidecar' | 'listSidecars' | 'removeSidecar'>;

/** @param manifests absolute path of the folder with the folders of tracks, which the library makes. */
export function sidecarsIn(manifests: string): Sidecars & { removeSidecars(home: string): Promise<void> } {
  const folderOf = (home: string) => safeJoin(manifests, home);
  const fileOf = (home: string, name: string) => {
    assertSidecarName(name);
    return safeJoin(manifests, home, name);
  };

  const listSidecars: Sidecars['listSidecars'] = async (home) => {
    const names = await absentAs([], readdir(folderOf(home)));
    return names.filter((name) => isSidecarName(name) && !name.startsWith(TEMPORARY_PREFIX));
  };
  return {
    async putSidecar(home, name, bytes) {
      const file = fileOf(home, name);
      const write = async () => {
        await writeFileAtomic(file, bytes, manifests);
        await syncFolder(path.dirname(file));
      };
      await absentAs(undefined, write());
    },
    async readSidecar(home, name) {
      return absentAs(undefined, readPublished(fileOf(home, name)));
    },
    listSidecars,
    async removeSidecar(home, name) {
      await absentAs(undefined, rm(fileOf(home, name), { force: true }));
    },
    async removeSidecars(home) {
      for (const name of await listSidecars(home)) await rm(fileOf(home, name), { force: true });
    },
  };
}
