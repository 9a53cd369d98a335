/** `npm run check`: types, lint, what nothing uses (knip), and the shell scripts (ShellCheck). */
import path from 'node:path';
import { ensureDependencies, ensurePrograms, missing, projectFolder, run, runAll } from './prepare.mjs';

const SHELL_SCRIPTS = ['src/ffmpeg/launch.sh', '.ci/run'];

ensureDependencies();
const tool = (/** @type {string[]} */ ...parts) => path.join(projectFolder, 'node_modules', ...parts);
const node = process.execPath;
// Side by side: the first takes 11 s of one processor, the others some 6 s in all.
await runAll([
  [node, [tool('typescript', 'bin', 'tsc'), '-p', 'tsconfig.check.json']],
  [node, [tool('typescript', 'bin', 'tsc'), '-p', 'src/page']],
  [node, [tool('@biomejs', 'biome', 'bin', 'biome'), 'ci', '--colors=off']],
  [node, [tool('knip', 'bin', 'knip.js'), '--no-progress']],
]);

const { shellcheck } = ensurePrograms({ shellcheck: 'shellcheck' });
if (shellcheck) run(shellcheck, SHELL_SCRIPTS);
else missing('NO SHELLCHECK: THE SHELL SCRIPTS ARE NOT CHECKED. Install shellcheck.');
