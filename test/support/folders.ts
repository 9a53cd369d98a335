/** Folders of a test's own, removed when the test file is done. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { atEndOfFile } from './end-of-file.ts';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-test-'));
  atEndOfFile(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
