/** `npm test`: prepares, then `npm run check` and all tests. What follows `--` goes to vitest. */
import path from 'node:path';
import {
  ensureBuild,
  ensureChromium,
  ensureDependencies,
  ensureEngines,
  ensureFfmpeg,
  ensurePrograms,
  missing,
  projectFolder,
  run,
} from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
const chromium = ensureChromium();
if (!chromium) missing('NO CHROMIUM: THE BROWSER TESTS ARE NOT RUN. Install chromium or set CHROMIUM_PATH.');
// Tests that need one of these say so loudly where it is missing, and fail under CI.
const { nginx } = ensurePrograms({
  nginx: 'nginx-light',
  bwrap: 'bubblewrap',
  strace: 'strace',
  'systemd-analyze': 'systemd',
});
ensureEngines();
ensureBuild();

await import('./check.mjs');
const env = { ...process.env, CHROMIUM_PATH: chromium ?? '', NGINX_PATH: nginx ?? '' };
const vitest = path.join(projectFolder, 'node_modules', 'vitest', 'vitest.mjs');
run(process.execPath, [vitest, 'run', ...process.argv.slice(2)], env);
