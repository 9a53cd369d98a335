/** What a node hears from a real PostgreSQL. */
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { createListening } from '../../src/database/listening.ts';
import { freshDatabase, hasPostgres } from '../support/on-engines.ts';

describe.runIf(hasPostgres)('a node that listens', () => {
  it('survives a notification that it cannot understand', async () => {
    const { DATABASE_URL } = await freshDatabase();
    const listening = createListening(DATABASE_URL);
    const heard: unknown[] = [];
    listening.on('track', (payload) => void heard.push(JSON.parse(payload)));
    await new Promise<void>((resolve) => listening.onBegin(resolve));
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query(`notify track; notify track, 'no json'; notify track, '1'`);
    await client.end();
    await vi.waitFor(() => expect(heard).toEqual([1]));
    expect(listening.state).toBe('listening');
    await listening.close();
  });
});
