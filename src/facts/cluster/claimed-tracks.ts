/**
 * The tracks whose facts some node of a cluster is to find: each has one node at a time, by a claim that runs out when the node is
 * lost. What a node writes needs no fence: two nodes that find facts of the same bytes write the same.
 */
import type { Database } from '../../database/database.ts';
import type { Library } from '../../library/library.ts';
import type { PendingTracks } from '../pending-tracks.ts';
import { isPending } from '../settle.ts';

const CLAIM = `interval '60 s'`;
const RENEW_MS = 20_000;
/** Nodes that have nothing to do look for tracks that others have left. */
const LOOK_EVERY_MS = 15_000;

/** @param node id of this process. */
export function createClaimedTracks(options: {
  database: Database;
  library: Pick<Library, 'get'>;
  node: string;
}): PendingTracks {
  const { database, library, node } = options;
  const { query } = database;
  const renewals = new Map<string, NodeJS.Timeout>();

  /** Resolves with the name of a track; with null where another node was faster, and undefined where there is none. */
  const claim = async (): Promise<string | null | undefined> => {
    const [row] = await query<{ claimed: string | null }>(
      `with next as (
         select filename from tracks where analysis = 'pending' and status = 'ready' and removed_at is null
           and not exists (select from analysing where analysing.filename = tracks.filename and until > now())
         order by uploaded_at, filename limit 1),
       claimed as (
         insert into analysing as held (filename, node, until) select filename, $1, now() + ${CLAIM} from next
           on conflict (filename) do update set node = excluded.node, until = excluded.until
             where held.until <= now()
           returning filename)
       select claimed.filename as claimed from next left join claimed using (filename)`,
      [node],
    );
    return row?.claimed;
  };

  const renew = (filename: string) => {
    const renewal = setInterval(() => {
      query(`update analysing set until = now() + ${CLAIM} where filename = $1 and node = $2`, [
        filename,
        node,
      ]).catch(() => {});
    }, RENEW_MS);
    renewal.unref();
    renewals.set(filename, renewal);
  };

  return {
    lookEveryMs: LOOK_EVERY_MS,
    async take() {
      for (;;) {
        const filename = await claim();
        if (filename === undefined) return undefined;
        const track = filename === null ? undefined : await library.get(filename);
        if (track && isPending(track)) {
          renew(track.filename);
          return track;
        }
        // The record of a node of an older version says nothing of an analysis.
        if (track?.analysis === null)
          await query('update tracks set analysis = null where filename = $1', [filename]);
      }
    },
    offer() {},
    async giveBack({ filename }, { again }) {
      clearInterval(renewals.get(filename));
      renewals.delete(filename);
      const statement = again
        ? `update analysing set until = now() + ${CLAIM} where filename = $1 and node = $2`
        : 'delete from analysing where filename = $1 and node = $2';
      await query(statement, [filename, node]);
    },
  };
}
