/** `npm run check`: types, lint, what nothing uses (knip), and the shell scripts (ShellCheck). */
import path from 'node:path';
import { ensureDependencies, ensureProgram, missing, projectFolder, run } from './prepare.mjs';

const SHELL_SCRIPTS = ['src/ffmpeg/launch.sh', '.ci/run'];

ensureDependencies();
const tool = (/** @type {string[]} */ ...parts) => path.join(projectFolder, 'node_modules', ...parts);
const node = process.execPath;
run(node, [tool('typescript', 'bin', 'tsc'), '-p', 'tsconfig.check.json']);
run(node, [tool('typescript', 'bin', 'tsc'), '-p', 'src/page']);
run(node, [tool('@biomejs', 'biome', 'bin', 'biome'), 'ci', '--colors=off']);
run(node, [tool('knip', 'bin', 'knip.js'), '--no-progress']);

const shellcheck = ensureProgram('shellcheck', 'shellcheck');
if (shellcheck) run(shellcheck, SHELL_SCRIPTS);
else missing('NO SHELLCHECK: THE SHELL SCRIPTS ARE NOT CHECKED. Install shellcheck.');
