/** `npm run fuzz`: two thousand mutated files, `--files` more or less, `--seed` others, `--only` one of them. */
import { fuzz } from './fuzz.ts';
import { numberOption } from './server.ts';

const files = numberOption('files', 2000);
const seed = numberOption('seed', 1);
const only = process.argv.includes('--only') ? numberOption('only', 0) : undefined;
console.log(`${only === undefined ? `${files} files` : `file ${only}`}, seed ${seed}`);
const started = performance.now();
const report = await fuzz({ files, seed, only, log: (line) => console.log(line) });

const answers = [...report.answers]
  .sort(([a], [b]) => a - b)
  .map(([status, count]) => `${count} x ${status}`);
console.log(`
answers:        ${answers.join(', ')}
on the grid:    ${report.tracks} tracks, every segment looked at
slowest:        ${(report.slowestMs / 1000).toFixed(1)} s
memory:         ${report.memory.map((bytes) => Math.round(bytes / 1e6)).join(', ')} MB at most in each quarter
took:           ${Math.round((performance.now() - started) / 1000)} s
failures:       ${report.failures.length}`);
for (const failure of report.failures) console.error(failure);
process.exitCode = report.failures.length > 0 ? 1 : 0;
