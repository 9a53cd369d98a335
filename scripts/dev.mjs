/** `npm run dev`: runs the server from its sources, and restarts it after every change. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureDependencies, ensureFfmpeg, projectFolder } from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
const tsx = path.join(projectFolder, 'node_modules', 'tsx', 'dist', 'cli.mjs');
const child = spawn(process.execPath, [tsx, 'watch', '--clear-screen=false', 'src/server.ts'], {
  cwd: projectFolder,
  stdio: 'inherit',
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
