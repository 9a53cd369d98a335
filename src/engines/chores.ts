/** What some node of a cluster does for all, now and then: each chore is done by the first node that finds it due. */
import type { Logger } from 'pino';
import { repeat } from '../concurrency/repeat.ts';
import type { Database } from '../database/database.ts';
import type { PostgresLibrary } from '../library/postgres.ts';
import { sweep } from '../pipeline/janitor.ts';
import { removeStored } from '../pipeline/remove.ts';
import type { Storage } from '../storage/storage.ts';

export interface Chores {
  start(): void;
  close(): Promise<void>;
}

interface Chore {
  name: string;
  every: string;
  run(): Promise<void>;
}

const LOOK_MS = 30_000;
/** Younger files may belong to an upload that is not added yet. */
const ORPHAN_AGE_MS = 24 * 3_600_000;

export function createChores(options: {
  database: Database;
  library: PostgresLibrary;
  storage: Storage;
  log: Logger;
}): Chores {
  const { database, library, storage, log } = options;
  const closing = new AbortController();
  let working: Promise<void> = Promise.resolve();

  const chores: Chore[] = [
    { name: 'trash', every: '1 minute', run: () => library.emptyTrash(storage.removeUpload) },
    {
      name: 'removals',
      every: '1 minute',
      run: () => library.finishRemovals((track) => removeStored(track, storage)),
    },
    { name: 'sweep', every: '1 hour', run: () => sweep(options, { ageMs: ORPHAN_AGE_MS }) },
  ];

  /** Resolves with the chores that nobody has done for long enough. */
  const due = async (): Promise<Chore[]> => {
    const rows = await database.query<{ name: string }>(
      `select name from unnest($1::text[], $2::interval[]) as chore (name, every) left join chores as last using (name)
       where done_at is null or done_at < now() - every`,
      [chores.map(({ name }) => name), chores.map(({ every }) => every)],
    );
    return chores.filter((chore) => rows.some(({ name }) => name === chore.name));
  };

  /** Returns whether this node does the chore: several may have found it due. */
  const take = async ({ name, every }: Chore): Promise<boolean> => {
    const [taken] = await database.query(
      `insert into chores as last (name, done_at) values ($1, now())
       on conflict (name) do update set done_at = now() where last.done_at < now() - $2::interval returning 1`,
      [name, every],
    );
    return taken !== undefined;
  };

  const doWhatIsDue = async () => {
    for (const chore of await due()) {
      if (!closing.signal.aborted && (await take(chore))) await chore.run();
    }
  };

  return {
    start() {
      const onError = (error: unknown) => log.debug({ err: error }, 'a chore is left for later');
      working = repeat(LOOK_MS, doWhatIsDue, { signal: closing.signal, onError });
    },
    async close() {
      closing.abort(new Error('the server stops'));
      await working;
    },
  };
}
