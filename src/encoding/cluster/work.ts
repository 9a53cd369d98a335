/** Tracks that are to be encoded, whichever node does it: rows of the table `work`. */
import type { Database } from '../../database/database.ts';
import { notice } from '../../database/notices.ts';
import type { Have, Want } from './messages.ts';

/** Adds a track to the work, for any node. */
export async function offerWork(
  { query }: Database,
  { filename, holder }: { filename: string; holder: string },
): Promise<void> {
  await query(
    `with offered as (insert into work (filename, holder) values ($1, $2) on conflict do nothing)
     select pg_notify('work', '')`,
    [filename, holder],
  );
}

/** A record says "processing" a moment before the track is work. */
const FORGOTTEN = `interval '5 s'`;

/** A deletion under way takes its track out of the work within a second after its lease has run out. */
const GIVEN_UP = `interval '5 s'`;

/** Tracks as they are when this node looks. */
export interface WorkCount {
  /** Tracks that are encoded or wait for it. */
  waiting: number;
  /** Those of them whose lease nobody has. */
  free: number;
}

/**
 * Counts the work. Adds unfinished tracks that a crash has kept from being work, and those whose deletion was given up; they
 * count from the next time on.
 *
 * @param options.follows asks all owners for their progress, because a client of this node follows tracks.
 */
export async function lookForWork({ query }: Database, options: { follows: boolean }): Promise<WorkCount> {
  const [count] = await query<WorkCount>(
    `with given_up as (delete from work where cancel and until < now() - ${GIVEN_UP}),
       added as (
         insert into work (filename) select filename from tracks
           where status = 'processing' and removed_at is null and changed_at < now() - ${FORGOTTEN}
             and not exists (select from work where work.filename = tracks.filename)
         on conflict do nothing)
     select count(*)::int as waiting,
       count(*) filter (where (until <= now() or until > now() + interval '1 minute') and not cancel)::int as free,
       case when $1 and count(*) > 0 then pg_notify('want', $2) end
     from work`,
    [options.follows, notice<Want>({ ask: 'progress' })],
  );
  return { waiting: count?.waiting ?? 0, free: count?.free ?? 0 };
}

/**
 * Takes a track out of the work, or keeps others from taking it where it has an owner.
 *
 * @returns true while it has an owner.
 */
export async function cancelWork({ query }: Database, filename: string): Promise<boolean> {
  const [row] = await query<{ held: boolean }>(
    `with gone as (delete from work where filename = $1 and (node is null or until < now()) returning 1),
       untold as (delete from live where filename = $1 and exists (select from gone)),
       flagged as (update work set cancel = true where filename = $1 and node is not null and until >= now() returning 1)
     select exists (select from flagged) as held, (select pg_notify('have', $2)::text from gone) as told`,
    [filename, notice<Have>({ tell: 'over', filename })],
  );
  return row?.held ?? false;
}
