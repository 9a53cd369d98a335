/**
 * `npm run fuzz`: sends a thousand mutated forms and two thousand mutated files. Options: `--forms`, `--files`, `--seed`,
 * and `--only` for one file.
 */
import { fuzz } from './fuzz.ts';
import { numberOption } from './server.ts';

const files = numberOption('files', 2000);
const seed = numberOption('seed', 1);
const only = process.argv.includes('--only') ? numberOption('only', 0) : undefined;
const forms = only === undefined ? numberOption('forms', 1000) : 0;
console.log(`${only === undefined ? `${forms} forms, ${files} files` : `file ${only}`}, seed ${seed}`);
const started = performance.now();
const report = await fuzz({ forms, files, seed, only, log: (line) => console.log(line) });

const listed = (answers: Map<number, number>) =>
  [...answers]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${count} x ${status || 'none'}`)
    .join(', ');
console.log(`
forms:          ${listed(report.formAnswers)}
answers:        ${listed(report.answers)}
on timeline:    ${report.tracks} tracks, every segment checked
slowest:        ${(report.slowestMs / 1000).toFixed(1)} s
memory:         ${report.memory.map((bytes) => Math.round(bytes / 1e6)).join(', ')} MB at most in each quarter
took:           ${Math.round((performance.now() - started) / 1000)} s
failures:       ${report.failures.length}`);
for (const failure of report.failures) console.error(failure);
process.exitCode = report.failures.length > 0 ? 1 : 0;
