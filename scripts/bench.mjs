/** `npm run bench`: prepares, then measures; needs some minutes, an idle machine and 6 GB in the temporary folder. */
import path from 'node:path';
import { ensureBuild, ensureDependencies, ensureFfmpeg, projectFolder, run } from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
ensureBuild();
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
run(process.execPath, [tsx, 'bench/run.ts', ...process.argv.slice(2)]);
