/**
 * `npm run verify`: compares the library in DATA_DIR, or the one in the database and the bucket, with its records. Exits with 1
 * if something is wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureBuild, ensureDependencies, projectFolder } from './prepare.mjs';

ensureDependencies();
ensureBuild();
const built = (/** @type {string} */ name) => import(new URL(`../dist/${name}`, import.meta.url).href);
const { parseConfig } = await built('config/config.js');
const { verifyLibrary } = await built('pipeline/verify.js');

try {
  const config = parseConfig(process.env, projectFolder);
  const { library, storage, close } = await (config.shared ? openShared(config) : openFolders(config));
  let wrong = 0;
  for await (const { filename, problem } of verifyLibrary({ library, storage })) {
    wrong++;
    process.stdout.write(`${filename === null ? '' : `${JSON.stringify(filename)}: `}${problem}\n`);
  }
  const { tracks } = await library.page({});
  process.stdout.write(`${tracks.length} tracks checked, ${wrong} problems found.\n`);
  await close();
  process.exitCode = wrong > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/** @param {any} config */
async function openFolders({ dataDir }) {
  const { lockDataDir } = await built('disk/lock.js');
  const { openDiskLibrary } = await built('library/disk.js');
  const { openDiskStorage } = await built('storage/disk.js');
  // Locked, for a running server would change the files meanwhile.
  const lock = await lockDataDir(dataDir);
  const storage = await openDiskStorage(dataDir);
  const library = await openDiskLibrary(dataDir);
  return { library, storage, close: () => lock.release() };
}

/**
 * Nodes may be at work: then it lists uploads that are under way as files of no track.
 *
 * @param {any} config
 */
async function openShared(config) {
  const { pino } = await import('pino');
  const { openSharedEngines } = await built('engines/shared.js');
  // Scratch space of its own, for that of a node on this machine is locked.
  const dataDir = mkdtempSync(path.join(tmpdir(), 'audio-streaming-verify-'));
  const log = pino({ level: 'silent' });
  const shared = await openSharedEngines({ config: { ...config, dataDir, role: 'api' }, log }, config.shared);
  const close = async () => {
    await shared.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...shared, close };
}
