/** `npm run bench`: measures ratios, each of two things that are measured side by side in the same run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureAnalysis } from './analysis.ts';
import { measureCatalogue } from './catalogue.ts';
import { measureCluster } from './cluster.ts';
import { measureEarly } from './early.ts';
import {
  measureHour,
  measureLadder,
  measureLengths,
  measureMemory,
  measureOneFile,
  measureTwenty,
} from './encoding.ts';
import { measureFairness } from './fairness.ts';
import { createInputs } from './inputs.ts';
import { measureMigrate } from './migrate.ts';
import { measureNeighbours } from './neighbours.ts';
import { printTable } from './report.ts';
import { measureServing } from './serving.ts';

const measures = {
  early: measureEarly,
  hour: measureHour,
  analysis: measureAnalysis,
  lengths: measureLengths,
  one: measureOneFile,
  ladder: measureLadder,
  twenty: measureTwenty,
  memory: measureMemory,
  neighbours: measureNeighbours,
  fairness: measureFairness,
  serving: measureServing,
  catalogue: measureCatalogue,
  cluster: measureCluster,
  migrate: measureMigrate,
};
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(measures, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no measure "${unknown.join('", "')}": use one or more of ${Object.keys(measures).join(', ')}.\n`,
  );
  process.exit(1);
}

const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-bench-'));
try {
  const inputs = createInputs(folder);
  for (const [name, measure] of Object.entries(measures)) {
    if (wanted.length === 0 || wanted.includes(name)) await measure(inputs);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
// Only the table goes to standard output.
printTable();
