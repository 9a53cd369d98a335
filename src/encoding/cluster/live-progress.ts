/** The progress of tracks that other nodes encode, as they have told it last. */
import type { Database } from '../../database/database.ts';
import { notice } from '../../database/notices.ts';
import type { EncodingProgress } from '../encoder.ts';
import type { Lease } from './leases.ts';
import type { Have } from './messages.ts';

export interface LiveProgress {
  of(filename: string): EncodingProgress | undefined;
  heard(message: Extract<Have, { tell: 'progress' }>): Promise<void>;
  forget(filename: string): void;
  /** Reads what the owner of a track has told last, or the owners of all tracks. */
  read(filename?: string): Promise<void>;
  /** Tells all nodes the progress of a track of this node, if it differs from what was told last. */
  tell(lease: Lease, progress: EncodingProgress): Promise<void>;
  /** Returns whether all nodes were told that a track can be played. */
  hasToldPlayable(lease: Lease): boolean;
}

/** A notification takes at most 8,000 bytes. */
const MOST_BYTES = 7000;

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
    async tell(lease, progress) {
      const state = JSON.stringify(progress);
      if (told.get(lease) === state) return;
      told.set(lease, state);
      if (progress.isPlayable) toldPlayable.add(lease);
      const { filename, epoch } = lease;
      const fits = Buffer.byteLength(state) <= MOST_BYTES;
      const message: Have = { tell: 'progress', filename, node, progress: fits ? progress : null };
      // A node that was stopped for a while and has lost the lease tells nobody.
      await query(
        `with told as (
           insert into live (filename, epoch, state) select $1, $2, $3
             where exists (select from work where filename = $1 and node = $4 and epoch = $2)
           on conflict (filename) do update set epoch = excluded.epoch, state = excluded.state
             where live.epoch <= excluded.epoch
           returning 1)
         select pg_notify('have', $5) from told`,
        [filename, epoch, state, node, notice(message)],
      );
    },
    hasToldPlayable: (lease) => toldPlayable.has(lease),
  };
}
