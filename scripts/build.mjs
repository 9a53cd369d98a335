/** `npm run build` */
import { ensureBuild, ensureDependencies } from './prepare.mjs';

ensureDependencies();
ensureBuild();
