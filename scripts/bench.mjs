/** `npm run bench`: prepares, then measures; needs some minutes, an idle machine and 6 GB in the temporary folder. */
import path from 'node:path';
import {
  ensureBuild,
  ensureDependencies,
  ensureFfmpeg,
  ensureProgram,
  projectFolder,
  run,
} from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
ensureBuild();
const env = { ...process.env };
// What serving is measured with; without them the other measures are taken, and it is said so.
for (const [name, program, apt] of [
  ['WRK_PATH', 'wrk', 'wrk'],
  ['NGINX_PATH', 'nginx', 'nginx-light'],
]) {
  const found = ensureProgram(/** @type {string} */ (program), /** @type {string} */ (apt));
  if (found) env[/** @type {string} */ (name)] = found;
}
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
run(process.execPath, [tsx, 'bench/run.ts', ...process.argv.slice(2)], env);
