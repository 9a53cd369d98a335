/** `npm run chaos`: kills the server two hundred times. `--kills` sets the number, `--seed` the random numbers. */
import { chaos } from './chaos.ts';
import { numberOption } from './server.ts';

const kills = numberOption('kills', 200);
const seed = numberOption('seed', 1);
console.log(`${kills} kills, seed ${seed}`);
const started = performance.now();
const report = await chaos({ kills, seed, log: (line) => console.log(line) });
console.log(`
kills:               ${report.kills}, of which ${report.killedAtStart} before the server listened
acknowledged:        ${report.acknowledged} uploads, ${report.slowly} of them sent slowly, ${report.deleted} deleted again
cut off early:       ${report.stages} early encodes
without an answer:   ${report.unansweredThere} there as a whole, ${report.unansweredGone} not there at all
decoded in the end:  ${report.decoded} renditions to exactly N, ${report.samples} samples in all
took:                ${Math.round((performance.now() - started) / 1000)} s
failures:            ${report.failures.length}`);
for (const failure of report.failures) console.error(failure);
if (report.failures.length > 0) console.error(`The data is kept in ${report.folder}.`);
process.exitCode = report.failures.length > 0 ? 1 : 0;
