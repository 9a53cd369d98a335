/** What the database gives a new track: its name and its time. For a transaction that no other addition runs beside. */
import type { Query } from '../database/database.ts';
import { filenameKey, numberedFilename } from '../tracks/filename.ts';

const NAMES_AT_ONCE = 50;

/** Resolves with the first name of `wantedName`, `-2`, `-3`, ... that is free. */
export async function freeName(on: Query, wantedName: string): Promise<string> {
  for (let first = 1; ; first += NAMES_AT_ONCE) {
    const names = Array.from({ length: NAMES_AT_ONCE }, (_, index) =>
      numberedFilename(wantedName, first + index),
    );
    const taken = await on<{ name_key: string }>('select name_key from tracks where name_key = any($1)', [
      names.map(filenameKey),
    ]);
    const keys = new Set(taken.map(({ name_key }) => name_key));
    const free = names.find((name) => !keys.has(filenameKey(name)));
    if (free !== undefined) return free;
  }
}

/** Resolves with a time later than that of every track: now, or a millisecond after the newest. */
export async function nextTime(on: Query): Promise<string> {
  const [row] = await on<{ at: Date }>(
    `select greatest(date_trunc('milliseconds', clock_timestamp()),
       (select uploaded_at + interval '1 ms' from tracks order by uploaded_at desc limit 1)) as at`,
  );
  return (row as { at: Date }).at.toISOString();
}
