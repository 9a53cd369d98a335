/** The progress of tracks that other nodes encode, as they have told it last. */
import type { Database } from '../../database/database.ts';
import type { EncodingProgress } from '../encoder.ts';
import type { Lease } from './leases.ts';
import type { Have } from './messages.ts';
import { newsFrom, newsValues, type ProgressNews, TELL_NEWS, WRITE_NEWS } from './progress-news.ts';

export interface LiveProgress {
  of(filename: string): EncodingProgress | undefined;
  heard(message: Extract<Have, { tell: 'progress' }>): Promise<void>;
  forget(filename: string): void;
  /** Reads what the owner of a track has told last, or the owners of all tracks. */
  read(filename?: string): Promise<void>;
  /** Returns the progress of a track of this node as news, unless it was told already. To be told at once. */
  newsOf(lease: Lease, progress: EncodingProgress): ProgressNews[];
  /** Tells all nodes. A node that was stopped for a while and has lost a lease tells nobody of its track. */
  tell(news: readonly ProgressNews[]): Promise<void>;
  /** Returns whether all nodes were told that a track can be played. */
  hasToldPlayable(lease: Lease): boolean;
}

export function createLiveProgress({ query }: Database, node: string): LiveProgress {
  const known = new Map<string, EncodingProgress>();
  const told = new WeakMap<Lease, string>();
  const toldPlayable = new WeakSet<Lease>();

  const read = async (filename?: string) => {
    const rows = await query<{ filename: string; state: EncodingProgress }>(
      'select filename, state from live where $1::text is null or filename = $1',
      [filename ?? null],
    );
    if (filename === undefined) known.clear();
    else known.delete(filename);
    for (const row of rows) known.set(row.filename, row.state);
  };

  return {
    of: (filename) => known.get(filename),
    async heard({ filename, progress }) {
      if (progress) known.set(filename, progress);
      else await read(filename);
    },
    forget: (filename) => void known.delete(filename),
    read,
    newsOf(lease, progress) {
      const state = JSON.stringify(progress);
      if (told.get(lease) === state) return [];
      told.set(lease, state);
      if (progress.isPlayable) toldPlayable.add(lease);
      return [{ filename: lease.filename, epoch: lease.epoch, progress, node }];
    },
    async tell(news) {
      if (news.length === 0) return;
      await query(
        `with news as (
           ${newsFrom(2)}
             where exists (select from work where work.filename = given.filename and node = $1 and epoch = given.epoch)),
         told as (${WRITE_NEWS})
         ${TELL_NEWS}`,
        [node, ...newsValues(news)],
      );
    },
    hasToldPlayable: (lease) => toldPlayable.has(lease),
  };
}
