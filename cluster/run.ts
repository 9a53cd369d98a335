/** `npm run cluster`: a cluster on this machine until Ctrl-C. `PORT` sets the port of the page. */
import { describeCluster } from './description.ts';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';
import { checkFree, portOf } from './port.ts';

/** Ctrl-C under npm arrives twice, a millisecond apart. Only a later signal ends the process at once. */
const SECOND_SIGNAL_AFTER_MS = 1000;

const say = (text: string) => void process.stdout.write(`${text}\n`);
// A terminal that was closed takes no text, and the end goes on.
process.stdout.on('error', () => {});
const stopping = new AbortController();
let firstSignalAt = 0;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (!stopping.signal.aborted) {
      firstSignalAt = Date.now();
      say('Ending.');
      stopping.abort(new Error(name));
    } else if (Date.now() - firstSignalAt > SECOND_SIGNAL_AFTER_MS) process.exit(1);
  });
}

async function main(): Promise<void> {
  const { signal } = stopping;
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  let cluster: LocalCluster | undefined;
  try {
    const port = await portOf(process.env.PORT);
    await checkFree(port);
    cluster = await startLocalCluster({ port, nginx: process.env.NGINX_PATH ?? 'nginx', say, signal });
    say(describeCluster(cluster));
    await stopped;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await cluster?.close();
  }
  say('Ended. No process and no data is left.');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
