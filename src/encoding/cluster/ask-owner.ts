/** Asks the node that encodes a track. */
import type { Database } from '../../database/database.ts';
import { notice } from '../../database/notices.ts';
import type { Want } from './messages.ts';

/** Sends a question to all nodes, of which the owner answers. Nothing is written for it. */
export async function askOwner({ query }: Database, message: Want): Promise<void> {
  await query(`select pg_notify('want', $1)`, [notice(message)]);
}
