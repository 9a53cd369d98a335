/** `npm start`: prepares what is missing, then runs the server in this process, so that every signal reaches it. */
import { ensureBuild, ensureDependencies, ensureFfmpeg } from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
ensureBuild();
await import(new URL('../dist/server.js', import.meta.url).href);
