/** `npm start`: prepares what is missing, then becomes the server: one process, so that every signal reaches it. */
import { ensureBuild, ensureDependencies, ensureFfmpeg } from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
ensureBuild();
await import(new URL('../dist/server.js', import.meta.url).href);
