/** Prints the table of `npm run bench`. */
interface Row {
  measure: string;
  result: string;
  mustReach: string;
  aim: string;
}

const rows: Row[] = [];

export function report(row: Row): void {
  rows.push(row);
  process.stderr.write(`  ${row.measure}: ${row.result}\n`);
}

export function printTable(): void {
  const lines = rows.map(
    ({ measure, result, mustReach, aim }) => `| ${measure} | ${result} | ${mustReach} | ${aim} |`,
  );
  process.stdout.write(`\n| measure | result | must reach | aim |\n|---|---|---|---|\n${lines.join('\n')}\n`);
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param share 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}
