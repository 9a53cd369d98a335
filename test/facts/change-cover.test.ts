import { describe } from 'vitest';
import { openDiskLibrary } from '../../src/library/disk.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import { coversContract } from '../contracts/covers.ts';
import { temporaryFolder } from '../support/folders.ts';

describe('covers on disk', () =>
  coversContract(async () => {
    const folder = await temporaryFolder();
    return { library: await openDiskLibrary(folder), storage: await openDiskStorage(folder) };
  }));
