/** `npm run fuzz` and `npm run chaos`: prepares, then tries to break the built server. */
import path from 'node:path';
import {
  ensureBuild,
  ensureCluster,
  ensureDependencies,
  ensureFfmpeg,
  projectFolder,
  run,
} from './prepare.mjs';

const [name, ...options] = process.argv.slice(2);
ensureFfmpeg();
ensureDependencies();
if (options.includes('--rolling')) process.env.NGINX_PATH = ensureCluster();
ensureBuild();
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
run(process.execPath, [tsx, `torture/run-${name}.ts`, ...options]);
