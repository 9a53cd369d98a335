/** `npm run bench`: prepares, then measures. Needs an idle machine and 6 GB in the temporary folder; takes some minutes. */
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
// Serving is measured with these. Without them the bench says so and measures the rest.
for (const [name, program, apt] of [
  ['WRK_PATH', 'wrk', 'wrk'],
  ['NGINX_PATH', 'nginx', 'nginx-light'],
]) {
  const found = ensureProgram(/** @type {string} */ (program), /** @type {string} */ (apt));
  if (found) env[/** @type {string} */ (name)] = found;
}
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
run(process.execPath, [tsx, 'bench/run.ts', ...process.argv.slice(2)], env);
