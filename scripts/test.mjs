/** `npm test`: prepares, then type check, lint and all tests. What follows `--` goes to vitest. */
import path from 'node:path';
import {
  ensureBuild,
  ensureChromium,
  ensureDependencies,
  ensureFfmpeg,
  projectFolder,
  run,
} from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
const chromium = ensureChromium();
if (!chromium) {
  const text = 'NO CHROMIUM: THE BROWSER TESTS ARE NOT RUN. Install chromium or set CHROMIUM_PATH.';
  process.stderr.write(`\n${'!'.repeat(text.length)}\n${text}\n${'!'.repeat(text.length)}\n\n`);
  if (process.env.CI === 'true') process.exit(1);
}
ensureBuild();

const tool = (/** @type {string[]} */ ...parts) => path.join(projectFolder, 'node_modules', ...parts);
const node = process.execPath;
run(node, [tool('typescript', 'bin', 'tsc'), '-p', 'tsconfig.check.json']);
run(node, [tool('typescript', 'bin', 'tsc'), '-p', 'src/page']);
run(node, [tool('@biomejs', 'biome', 'bin', 'biome'), 'ci', '--colors=off']);
const env = { ...process.env, CHROMIUM_PATH: chromium ?? '' };
run(node, [tool('vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)], env);
