/** A folder of its own for the test that asks, removed when that test is over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
