/** `npm run cluster`: prepares, then runs a cluster on this machine, in this process, so that every signal reaches it. */
import { ensureBuild, ensureCluster, ensureDependencies, ensureFfmpeg } from './prepare.mjs';

ensureFfmpeg();
ensureDependencies();
process.env.NGINX_PATH = ensureCluster();
ensureBuild();
// Its cache would stay behind in the temporary folder.
process.env.TSX_DISABLE_CACHE = '1';
const { register } = await import('tsx/esm/api');
register();
await import(new URL('../cluster/run.ts', import.meta.url).href);
