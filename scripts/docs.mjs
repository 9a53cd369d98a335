/** `npm run docs`: writes the table of settings into docs/configuration.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureBuild, ensureDependencies, projectFolder } from './prepare.mjs';

const BEGIN = '<!-- settings -->';
const END = '<!-- end of settings -->';

ensureDependencies();
ensureBuild();
const { settingsTable } = await import(new URL('../dist/config/help.js', import.meta.url).href);
const file = path.join(projectFolder, 'docs', 'configuration.md');
const text = readFileSync(file, 'utf8');
const [before] = text.split(BEGIN);
const [, after] = text.split(END);
writeFileSync(file, `${before}${BEGIN}\n\n${settingsTable()}\n\n${END}${after}`);
