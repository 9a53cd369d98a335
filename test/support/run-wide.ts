/** Prepares once per run what all test files share: the launchers of ffmpeg, its version, and folders. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { parseConfig } from '../../src/config/config.ts';
import { prepareTools, type Tools } from '../../src/ffmpeg/launcher.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** As a server with the default settings finds them. */
    tools: Tools;
    /** Where files made by ffmpeg are kept from run to run. */
    inputsFolder: string;
    /** Of this ffmpeg: its version and how it was built, hashed. */
    ffmpegKey: string;
    /** Removed after the run. */
    runFolder: string;
  }
}

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/test-inputs/', import.meta.url));
/** Inputs that no test has made for so long belong to tests that have changed. */
const KEEP_MS = 7 * 86_400_000;

export default async function prepareRun({
  vitest,
  provide,
}: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (vitest.projects.every(({ name }) => name === 'unit')) return undefined;
  const runFolder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-run-'));
  const { stdout } = await promisify(execFile)('ffmpeg', ['-version']);
  provide('ffmpegKey', createHash('sha256').update(stdout).digest('hex'));
  provide('tools', await prepareTools(path.join(runFolder, 'launch'), parseConfig({}, runFolder)));
  provide('runFolder', runFolder);
  await mkdir(CACHE, { recursive: true });
  await removeOld(CACHE);
  provide('inputsFolder', CACHE);
  return () => rm(runFolder, { recursive: true, force: true });
}

async function removeOld(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      // Another run may have removed it meanwhile.
      const found = await stat(file).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > KEEP_MS) await rm(file, { force: true });
    }),
  );
}
