/**
 * `npm run chaos`: kills the server two hundred times. `--kills` sets the number, `--seed` the random numbers.
 *
 * `npm run chaos -- --cluster`: runs every row of the table of faults on three nodes, a real PostgreSQL and a real S3 server,
 * then kills nodes two hundred times. `--only kill-owner,s3-slow` runs some rows, and no kills unless `--kills` is given.
 *
 * `npm run chaos -- --rolling`: stops three nodes behind nginx and starts them again, one after the other, under load. `--rounds`
 * says how often.
 */
import { startEngines } from '../testkit/cluster.ts';
import { chaos } from './chaos.ts';
import { runFaults, tableOf } from './cluster/faults.ts';
import { clusterKills } from './cluster/kills.ts';
import { rollingLines, rollingUpgrade } from './cluster/rolling.ts';
import { numberOption } from './server.ts';

const log = (line: string) => console.log(line);
const started = performance.now();
const seed = numberOption('seed', 1);
const failures = process.argv.includes('--rolling')
  ? await ofRolling()
  : process.argv.includes('--cluster')
    ? await ofCluster()
    : await ofServer();
console.log(`took:                ${Math.round((performance.now() - started) / 1000)} s
failures:            ${failures.length}`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;

async function ofServer(): Promise<string[]> {
  const kills = numberOption('kills', 200);
  log(`${kills} kills, seed ${seed}`);
  const report = await chaos({ kills, seed, log });
  log(`
kills:               ${report.kills}, of which ${report.killedAtStart} before the server listened
acknowledged:        ${report.acknowledged} uploads, ${report.slowly} of them sent slowly, ${report.deleted} deleted again
cut off early:       ${report.stages} early encodes
without an answer:   ${report.unansweredThere} there as a whole, ${report.unansweredGone} not there at all
decoded in the end:  ${report.decoded} renditions to exactly N, ${report.samples} samples in all`);
  const kept = report.failures.length > 0 ? [`The data is kept in ${report.folder}.`] : [];
  return [...report.failures, ...kept];
}

async function ofCluster(): Promise<string[]> {
  const at = process.argv.indexOf('--only');
  const only = at < 0 ? [] : String(process.argv[at + 1]).split(',');
  const rows = await runFaults({ only, log });
  const kills = numberOption('kills', only.length === 0 ? 200 : 0);
  const killed = kills === 0 ? [] : await ofKills(kills);
  log(`\n${tableOf(rows)}\n`);
  return [...rows.filter(({ isGood }) => !isGood).map(({ id, seen }) => `${id}: ${seen}`), ...killed];
}

async function ofKills(kills: number): Promise<string[]> {
  log(`${kills} kills of three nodes, seed ${seed}`);
  const engines = await startEngines();
  try {
    const report = await clusterKills(engines, { kills, seed, log });
    log(`
kills:               ${report.kills}, of which ${report.killedAtStart} while a node started
acknowledged:        ${report.acknowledged} uploads, ${report.slowly} of them sent slowly, ${report.deleted} deleted again
at once:             ${report.sameBytes} times the same bytes, ${report.sameNames} times the same name
played:              ${report.plays} tracks; ${report.refused} requests answered with 503
without an answer:   ${report.unansweredThere} there as a whole, ${report.unansweredGone} not there at all
decoded in the end:  ${report.decoded} renditions to exactly N, ${report.samples} samples in all
left in the bucket:  ${report.swept} objects of no track before the janitor, ${report.failures.length} findings after it`);
    return report.failures;
  } finally {
    await engines.remove();
  }
}

async function ofRolling(): Promise<string[]> {
  const engines = await startEngines();
  try {
    const report = await rollingUpgrade(engines, { rounds: numberOption('rounds', 2), log });
    log(`\n${rollingLines(report)}`);
    return report.failures;
  } finally {
    await engines.remove();
  }
}
