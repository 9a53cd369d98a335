/** `npm run verify`: compares the library in DATA_DIR with its records. Exits with 1 if something is wrong. */
import { ensureBuild, ensureDependencies, projectFolder } from './prepare.mjs';

ensureDependencies();
ensureBuild();
const built = (/** @type {string} */ name) => import(new URL(`../dist/${name}`, import.meta.url).href);
const { parseConfig } = await built('config/config.js');
const { lockDataDir } = await built('disk/lock.js');
const { openDiskLibrary } = await built('library/disk.js');
const { openDiskStorage } = await built('storage/disk.js');
const { verifyLibrary } = await built('pipeline/verify.js');

try {
  const { dataDir } = parseConfig(process.env, projectFolder);
  // Locked, for a running server would change the files meanwhile.
  const lock = await lockDataDir(dataDir);
  const storage = await openDiskStorage(dataDir);
  const library = await openDiskLibrary(dataDir);
  let wrong = 0;
  for await (const { filename, problem } of verifyLibrary({ library, storage })) {
    wrong++;
    process.stdout.write(`${filename === null ? '' : `${JSON.stringify(filename)}: `}${problem}\n`);
  }
  const { tracks } = await library.page({});
  process.stdout.write(`${tracks.length} tracks checked, ${wrong} problems found.\n`);
  await lock.release();
  process.exitCode = wrong > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
