/**
 * Starts one PostgreSQL and one S3 server for all test files of the project `engines`. They start while other projects are at
 * work: test files get their addresses at once, and wait in `on-engines.ts` until an engine is ready.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePorts } from '../../testkit/ports.ts';
import { hasPostgres, type PostgresServer, startPostgres } from '../../testkit/postgres-server.ts';
import { hasS3, type S3Server, startS3 } from '../../testkit/s3-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the engines will be; a port is undefined where its programs are not installed. */
    engines: { postgresPort: number | undefined; s3Port: number | undefined; folder: string };
  }
}

export default async function startEngines(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-engines-'));
  const ports = await freePorts(2);
  const postgresPort = hasPostgres() ? ports[0] : undefined;
  const s3Port = hasS3() ? ports[1] : undefined;
  project.provide('engines', { postgresPort, s3Port, folder });
  const starts: [string, Promise<PostgresServer | S3Server>][] = [];
  if (postgresPort !== undefined) {
    starts.push(['postgres', startPostgres({ port: postgresPort, durable: false })]);
  }
  if (s3Port !== undefined) starts.push(['s3', startS3({ port: s3Port })]);
  // An empty file says that the engine takes requests; any other text says why it will not.
  const told = starts.map(([name, start]) =>
    start.then(
      () => writeFile(path.join(folder, name), ''),
      (error: unknown) => writeFile(path.join(folder, name), String(error)),
    ),
  );
  return async () => {
    await Promise.all(told);
    await Promise.all(
      starts.map(([, start]) =>
        start.then(
          (engine) => engine.remove(),
          () => {},
        ),
      ),
    );
    await rm(folder, { recursive: true, force: true });
  };
}
