/** Runs every row of the table of faults on real processes and real engines. */
import { type Engines, startEngines } from '../../testkit/cluster.ts';
import { openArena } from './arena.ts';
import { collisions } from './collisions.ts';
import { databaseFaults } from './database-faults.ts';
import { ffmpegVersions } from './ffmpeg-versions.ts';
import { ownerFaults } from './owner-faults.ts';
import { partitions } from './partitions.ts';
import { type Scenario, secondsSince } from './scenario.ts';
import { storageFaults } from './storage-faults.ts';

export const scenarios: readonly Scenario[] = [
  ...ownerFaults,
  ...databaseFaults,
  ...storageFaults,
  ...partitions,
  ...collisions,
  ...ffmpegVersions,
];

export interface Row {
  id: string;
  fault: string;
  must: string;
  seen: string;
  isGood: boolean;
}

/**
 * Runs scenarios one after the other, each on three new nodes.
 *
 * @param options.only ids of those to run; all, when it is empty.
 */
export async function runFaults(options: {
  only: readonly string[];
  log(line: string): void;
}): Promise<Row[]> {
  const { only, log } = options;
  const chosen = scenarios.filter(({ id }) => only.length === 0 || only.includes(id));
  const engines = await startEngines();
  const rows: Row[] = [];
  try {
    for (const scenario of chosen) rows.push(await runOne(scenario, engines, log));
  } finally {
    await engines.remove();
  }
  return rows;
}

async function runOne(scenario: Scenario, engines: Engines, log: (line: string) => void): Promise<Row> {
  const { id, fault, must } = scenario;
  const startedAt = performance.now();
  const arena = await openArena(engines, scenario);
  try {
    const seen = await scenario.run(arena);
    log(`${id}: ${seen} (${secondsSince(startedAt)})`);
    return { id, fault, must, seen, isGood: true };
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    log(`${id}: FAILED: ${seen} (${secondsSince(startedAt)})\n${lastLines(arena.nodes)}`);
    return { id, fault, must, seen, isGood: false };
  } finally {
    await arena.close();
  }
}

/** Returns what the nodes have logged last, for a scenario that has failed. */
function lastLines(nodes: Awaited<ReturnType<typeof openArena>>['nodes']): string {
  return nodes
    .flatMap(({ name, log }) => log.lines.filter(({ level }) => level >= 40).map((line) => ({ name, line })))
    .sort((a, b) => a.line.time - b.line.time)
    .slice(-40)
    .map(({ name, line }) => `  ${name}: ${JSON.stringify(line)}`)
    .join('\n');
}

/** Returns the rows as a Markdown table. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ fault, must, seen, isGood }) => `| ${fault} | ${must} | ${isGood ? '' : 'FAILED: '}${seen} |`,
  );
  return ['| fault | must | seen |', '|---|---|---|', ...lines].join('\n');
}
