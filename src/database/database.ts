/** Statements to PostgreSQL: a pool of connections, and what its failures mean. */
import pg from 'pg';
import { errors, UnknownOutcomeError } from '../errors.ts';

/** Runs a statement, and resolves with its rows. @throws {AppError} 503 `storage_unavailable` when the database does not answer. */
export type Query = <Row>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

export interface Database {
  query: Query;
  /**
   * Runs a statement whose change must not be taken for one that failed.
   *
   * @throws {UnknownOutcomeError} when the connection broke before the answer: the change may have happened, or may not.
   */
  change: Query;
  /**
   * Runs `step` in a transaction, and settles as it does.
   *
   * @throws {UnknownOutcomeError} when the connection broke at the end: what was asked may have happened, or may not.
   */
  transaction<T>(step: (query: Query) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A statement that finds all of them taken for `CONNECT_MS` is refused. */
const CONNECTIONS = 16;
const CONNECT_MS = 2000;
/** A lease lasts 6 s: its renewal must fail before. */
const STATEMENT_MS = 4000;

/** Returns what every connection needs. @param url address of the database, with its user and password. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    statement_timeout: STATEMENT_MS,
    // Ends the wait for a server that has gone silent.
    query_timeout: STATEMENT_MS + 1000,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    application_name: 'audio-streaming',
  };
}

/** Opens a pool; it connects as statements come. @param connections at most. */
export function openDatabase(url: string, connections = CONNECTIONS): Database {
  const pool = new pg.Pool({ ...connectionOptions(url), max: connections });
  // Without a listener, the loss of an idle connection would end the process.
  pool.on('error', () => {});

  const connect = async (): Promise<pg.PoolClient> => pool.connect().catch(fail);

  const queryOn =
    (client: pg.PoolClient): Query =>
    async <Row>(sql: string, values: readonly unknown[] = []) => {
      const { rows } = await client.query(sql, [...values]).catch(fail);
      return rows as Row[];
    };

  const withConnection = async <T>(use: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    const client = await connect();
    // A connection that breaks while it is in use rejects its statement as well.
    const onError = () => {};
    client.on('error', onError);
    let lost: Error | undefined;
    try {
      return await use(client);
    } catch (error) {
      if (hasBroken(error)) lost = error;
      throw error;
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  };

  return {
    change: (sql, values) =>
      withConnection(async (client) => {
        const { rows } = await client.query(sql, [...(values ?? [])]).catch((error: unknown) => {
          throw isRefused(error) ? failureOf(error) : unknownOutcome(error);
        });
        return rows;
      }),
    query: (sql, values) => withConnection((client) => queryOn(client)(sql, values)),
    transaction: (step) =>
      withConnection(async (client) => {
        const query = queryOn(client);
        await query('begin');
        try {
          const result = await step(query);
          await client.query('commit').catch((error: unknown) => {
            throw isRefused(error) ? failureOf(error) : unknownOutcome(error);
          });
          return result;
        } catch (error) {
          if (!hasBroken(error)) await query('rollback');
          throw error;
        }
      }),
    close: () => pool.end(),
  };
}

/** @throws {AppError} 503 for a database that does not answer; the error itself for a statement that is wrong. */
function fail(error: unknown): never {
  throw failureOf(error);
}

/** Errors of connections that are broken, or whose state is not known. */
const broken = new WeakSet<object>();

function failureOf(error: unknown): unknown {
  if (isRefused(error) && !isMachineFault(error)) return error;
  const failure = errors.storageUnavailable(error);
  broken.add(failure);
  return failure;
}

/** Returns whether the server has answered with an error. Everything else is a broken connection, or a timeout. */
function isRefused(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.code !== undefined;
}

/**
 * Returns whether PostgreSQL blames its machine or its operator (PostgreSQL appendix A): connection, read-only, resources,
 * intervention, system, internal; or a deadlock, which another try does not meet.
 */
function isMachineFault({ code = '' }: pg.DatabaseError): boolean {
  return ['08', '25', '28', '3D', '40', '53', '57', '58', 'XX'].includes(code.slice(0, 2));
}

function unknownOutcome(cause: unknown): UnknownOutcomeError {
  const failure = new UnknownOutcomeError(cause);
  broken.add(failure);
  return failure;
}

function hasBroken(error: unknown): error is Error {
  return error instanceof Error && broken.has(error);
}
