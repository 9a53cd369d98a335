/**
 * `npm run analyze`: has the tracks of a running server analysed that never were: those of older versions. `-- --help` says more.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensureBuild, ensureDependencies, projectFolder } from './prepare.mjs';

const HELP = `npm run analyze [-- OPTIONS]

Has tracks analysed by the running server: tags, cover, loudness, waveform and pauses. Reads the
settings of the server (HOST, PORT, API_KEYS), and uses the first key. The server works in the
background; it goes on when this command is stopped, and after a restart.

  --failed       also tracks whose analysis has failed
  --all          all tracks
  --no-wait      do not wait until they are analysed
  --url ADDRESS  address of the server, if it is not that of HOST and PORT
  --help
`;
/** Tracks on a page of the list. */
const PAGE = 500;
const LOOK_EVERY_MS = 1000;
const SAY_EVERY_MS = 5000;

/** @typedef {{ filename: string, status: string, analysis: string | null }} Listed */

try {
  const { values: order } = parseArgs({
    options: {
      failed: { type: 'boolean' },
      all: { type: 'boolean' },
      'no-wait': { type: 'boolean' },
      url: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (order.help) process.stdout.write(HELP);
  else await analyze(order);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/** @param {{ failed?: boolean, all?: boolean, 'no-wait'?: boolean, url?: string }} order */
async function analyze(order) {
  const request = await createRequest(order.url);
  /** @type {string[]} */
  const marked = [];
  for await (const { filename, status, analysis } of allTracks(request)) {
    const isMeant = order.all || analysis === null || (order.failed && analysis === 'failed');
    if (status !== 'ready' || !isMeant) continue;
    const { status: answer } = await request(`/files/${encodeURIComponent(filename)}/analyze`, 'POST');
    // Deleted, or processed again, in this moment.
    if (answer === 202) marked.push(filename);
  }
  say(`${marked.length} tracks are to be analysed.`);
  if (!order['no-wait']) await follow(marked, request);
}

/**
 * @param {readonly string[]} marked
 * @param {Request} request
 */
async function follow(marked, request) {
  let failed = 0;
  let saidAt = performance.now();
  for (const [at, filename] of marked.entries()) {
    for (;;) {
      const { status, body } = await request(`/files/${encodeURIComponent(filename)}`);
      const { analysis } = /** @type {Listed} */ (body);
      if (performance.now() - saidAt > SAY_EVERY_MS) {
        saidAt = performance.now();
        say(`${at} of ${marked.length} tracks are analysed.`);
      }
      if (status === 200 && analysis === 'pending') {
        await pause(LOOK_EVERY_MS);
        continue;
      }
      if (analysis === 'failed') {
        failed++;
        say(`${JSON.stringify(filename)} cannot be analysed: the log of the server says why.`);
      }
      break;
    }
  }
  say(`${marked.length - failed} tracks are analysed${failed > 0 ? `, ${failed} cannot be` : ''}.`);
  if (failed > 0) process.exitCode = 1;
}

/** @param {Request} request */
async function* allTracks(request) {
  /** @type {string | undefined} */
  let next = `/files?limit=${PAGE}`;
  while (next !== undefined) {
    const { status, body, link } = await request(next);
    if (status !== 200) throw new Error(`The server answered ${status}: ${JSON.stringify(body)}`);
    yield* /** @type {Listed[]} */ (body);
    const [, address] = /<([^>]*)>; rel="next"/.exec(link) ?? [];
    next = address === undefined ? undefined : `/files${new URL(address, 'http://any').search}`;
  }
}

/** @typedef {(path: string, method?: string) => Promise<{ status: number, body: unknown, link: string }>} Request */

/**
 * Makes a function that asks the server, and asks again where it is told to wait.
 *
 * @param {string | undefined} given
 * @returns {Promise<Request>}
 */
async function createRequest(given) {
  ensureDependencies();
  ensureBuild();
  const { parseConfig } = await import(new URL('../dist/config/config.js', import.meta.url).href);
  const { host, port, apiKeys } = parseConfig(process.env, projectFolder);
  const everywhere = host === '0.0.0.0' || host === '::';
  const base = given?.replace(/\/$/, '') ?? `http://${everywhere ? '127.0.0.1' : host}:${port}`;
  const headers = apiKeys.length > 0 ? { authorization: `Bearer ${apiKeys[0].key}` } : {};
  return async (path, method = 'GET') => {
    for (;;) {
      const response = await fetch(base + path, { method, headers }).catch(() => {
        throw new Error(`No server answers at ${base}. Start it, or say where it is: --url ADDRESS.`);
      });
      const text = await response.text();
      if (response.status === 429 || response.status === 503) {
        await pause(1000 * Number(response.headers.get('retry-after') ?? 1));
        continue;
      }
      const body = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text;
      const { status } = response;
      if (status === 401 || body?.code === 'analysis_off') throw new Error(`${base}: ${body.detail}`);
      return { status, body, link: response.headers.get('link') ?? '' };
    }
  };
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
