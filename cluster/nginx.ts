/** nginx in front of the API node. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { endEngineProcess, startEngineProcess, untilReady } from '../testkit/engine-process.ts';
import { nginxConfiguration } from './nginx-configuration.ts';

export interface Nginx {
  /** Without a slash at its end. */
  url: string;
  remove(): Promise<void>;
}

/**
 * Starts nginx and waits until the API node answers through it.
 *
 * @param program path of nginx.
 * @throws {Error} with what nginx wrote, when it ends before that.
 */
export async function startNginx(
  program: string,
  {
    folder,
    logFolder,
    port,
    upstream,
  }: { folder: string; logFolder: string; port: number; upstream: string },
): Promise<Nginx> {
  const own = path.join(folder, 'nginx');
  await mkdir(own);
  const file = path.join(own, 'nginx.conf');
  const isRoot = process.getuid?.() === 0;
  const log = path.join(logFolder, 'nginx.log');
  await writeFile(file, nginxConfiguration({ folder: own, log, port, upstream, isRoot }));
  const engine = startEngineProcess([program, '-p', own, '-c', file]);
  const answers = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    return response?.ok || undefined;
  };
  try {
    await untilReady(answers, { what: 'nginx', engine });
  } catch (error) {
    await endEngineProcess(engine);
    throw error;
  }
  return { url: `http://localhost:${port}`, remove: () => endEngineProcess(engine) };
}
