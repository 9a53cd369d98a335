/** `npm run build`: compiles src/ to dist/. */
import { ensureBuild, ensureDependencies } from './prepare.mjs';

ensureDependencies();
ensureBuild();
