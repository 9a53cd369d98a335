/** What people read once a cluster runs. */
import type { LocalCluster } from './local-cluster.ts';

const DOES = { api: 'answers requests', encode: 'encodes' };

/** Returns addresses and process ids of all parts, and what to try. */
export function describeCluster({
  url,
  nodes,
  databaseUrl,
  s3,
  logFolder,
}: Omit<LocalCluster, 'close'>): string {
  const rows = [
    ['page', url, '', 'through nginx'],
    ...nodes.map(({ name, role, url, pid }) => [name, url, `pid ${pid}`, DOES[role]]),
    ['PostgreSQL', databaseUrl],
    ['S3', `${s3.endpoint}/${s3.bucket}`],
    ['logs', logFolder],
  ];
  return `
${table(rows)}

Upload a track and play it:
  curl -F file=@song.mp3 ${url}/upload
Which node encodes it is said below. Kill that node while the track plays: the other one goes on.
  kill -9 <pid>
Ctrl-C ends everything and removes all data.
`;
}

/** Aligns columns, indented by two spaces. */
function table(rows: string[][]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => widthOf(row, column))));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

/** The last cell of a row may be wider than its column. */
function widthOf(row: string[], column: number): number {
  return column < row.length - 1 ? (row[column] as string).length : 0;
}
