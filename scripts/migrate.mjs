/** `npm run migrate`: copies a library between DATA_DIR and the database and the bucket. `-- --help` says how. */
import { pino } from 'pino';
import { ensureBuild, ensureDependencies, projectFolder } from './prepare.mjs';

ensureDependencies();
ensureBuild();
const built = (/** @type {string} */ name) => import(new URL(`../dist/${name}`, import.meta.url).href);
const { parseConfig } = await built('config/config.js');
const { parseOrder, runMove } = await built('moving/run.js');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => stop.abort(new Error('Stopped. Run it again: it goes on from here.')));
}
const print = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);

try {
  const order = parseOrder(process.argv.slice(2));
  if (order.help) process.stdout.write(order.help);
  else {
    const config = parseConfig(process.env, projectFolder);
    const log = pino({ level: 'silent' });
    const isComplete = await runMove({ config, order, log, print, signal: stop.signal });
    process.exitCode = isComplete ? 0 : 1;
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
