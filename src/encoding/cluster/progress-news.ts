/** Parts of the statements by which the owner of tracks tells all nodes how far these are. */
import { notice } from '../../database/notices.ts';
import type { EncodingProgress } from '../encoder.ts';
import type { Have } from './messages.ts';

/** The progress of a track, and the lease under which it was made. */
export interface ProgressNews {
  filename: string;
  epoch: string;
  progress: EncodingProgress;
  /** Node that has the lease. */
  node: string;
}

/** A notification takes at most 8,000 bytes. */
const MOST_BYTES = 7000;

/** Selects the news from four parameters. @param first number of the first of them. */
export function newsFrom(first: number): string {
  const [names, epochs, states, notices] = [first, first + 1, first + 2, first + 3];
  return `select filename, epoch, state, notice
    from unnest($${names}::text[], $${epochs}::bigint[], $${states}::json[], $${notices}::text[])
      as given (filename, epoch, state, notice)`;
}

/** Writes what the query `news` has. In the order of the names: two statements at once do not wait for each other. */
export const WRITE_NEWS = `insert into live (filename, epoch, state)
  select filename, epoch, state from news order by filename
  on conflict (filename) do update set epoch = excluded.epoch, state = excluded.state
    where live.epoch <= excluded.epoch
  returning filename`;

/** Notifies all nodes of what the query `told` has written; gives one row. */
export const TELL_NEWS = `select count(pg_notify('have', notice)) from news join told using (filename)`;

/** Returns the values of the parameters of `newsFrom`. */
export function newsValues(news: readonly ProgressNews[]): string[][] {
  const states = news.map(({ progress }) => JSON.stringify(progress));
  const notices = news.map(({ filename, node, progress }, n) => {
    const fits = Buffer.byteLength(states[n] as string) <= MOST_BYTES;
    return notice<Have>({ tell: 'progress', filename, node, progress: fits ? progress : null });
  });
  return [news.map(({ filename }) => filename), news.map(({ epoch }) => epoch), states, notices];
}
