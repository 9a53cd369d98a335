/** `npm run bench`: prepares, then measures. Needs an idle machine and 6 GB in the temporary folder; takes some minutes. */
import path from 'node:path';
import {
  ensureBuild,
  ensureDependencies,
  ensureFfmpeg,
  ensurePrograms,
  projectFolder,
  run,
} from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
ensureBuild();
const env = { ...process.env };
// Serving is measured with these. Without them the bench says so and measures the rest.
const { wrk, nginx } = ensurePrograms({ wrk: 'wrk', nginx: 'nginx-light' });
if (wrk) env.WRK_PATH = wrk;
if (nginx) env.NGINX_PATH = nginx;
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
run(process.execPath, [tsx, 'bench/run.ts', ...process.argv.slice(2)], env);
