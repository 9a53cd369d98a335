/** The API by the tools that people bring: a generated client, Postman's collection, and curl as the documents write it. */
import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import newman from 'newman';
import openapiTS, { astToString } from 'openapi-typescript';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { audioFile, noise, wav } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { png } from '../support/pictures.ts';
import { exitOf, projectFolder, textOf } from '../support/process.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../support/server.ts';

const run = promisify(execFile);
const KEY = 'phone-key-0123456789-0123456789-0123456789';
const LOCKED = { API_KEYS: `phone:${KEY}`, STREAM_SECRET: 'a secret that signs links, and is long enough' };

it('a client that is generated from the description compiles, and goes from upload to delete', async () => {
  const server = await startServer(LOCKED);
  // Inside of the project, for it imports what is installed here.
  const folder = await mkdtemp(path.join(projectFolder, 'node_modules', '.generated-client-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(path.join(projectFolder, 'test', 'fixtures', 'generated-client'), folder, { recursive: true });
  const described = await (await fetch(`${server.url}/openapi.json`)).json();
  await writeFile(path.join(folder, 'api.ts'), astToString(await openapiTS(described)));
  const compilerOptions = {
    strict: true,
    target: 'ES2023',
    module: 'NodeNext',
    lib: ['ES2023', 'DOM'],
    types: ['node'],
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: true,
    outDir: 'out',
  };
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['journey.ts'] }),
  );
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  const compiler = path.join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
  const compiled = await run(process.execPath, [compiler, '-p', folder]).catch(({ stdout }) => ({ stdout }));
  expect(compiled.stdout).toBe('');

  const child = spawn(process.execPath, [path.join(folder, 'out', 'journey.js'), server.url, KEY]);
  child.stdin.end(wav(noise({ samples: 50_000, seed: 71 })));
  const [code, stdout, stderr] = await Promise.all([
    exitOf(child),
    textOf(child.stdout),
    textOf(child.stderr),
  ]);
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({
    status: 'ready',
    samples: 50_000,
    listed: ['song.wav'],
    same: true,
    manifest: [200, '<?xml'],
    missing: 'track_not_found',
    removed: 204,
    after: 'track_not_found',
  });
});

describe("Postman's collection", () => {
  const docs = path.join(projectFolder, 'docs');
  const json = async (name: string) => JSON.parse(await readFile(path.join(docs, name), 'utf8'));

  it.each([
    ['of a server as it starts', {}, ''],
    ['of one with keys and signed links', LOCKED, KEY],
  ])('is green from a fresh start %s', async (_what, settings, key) => {
    const server = await startServer(settings);
    const environment = await json('postman_environment.json');
    const values = environment.values.map((each: { key: string; value: string }) => ({
      ...each,
      value: { baseUrl: server.url, apiKey: key }[each.key] ?? each.value,
    }));
    const collection = await json('postman_collection.json');
    const summary = await new Promise<newman.NewmanRunSummary>((resolve, reject) => {
      newman.run({ collection, environment: { ...environment, values }, bail: false }, (error, done) =>
        error ? reject(error) : resolve(done),
      );
    });
    const failures = summary.run.failures.map(
      ({ source, error }) => `${source?.name}: ${error.test} ${error.message}`,
    );
    expect(failures).toEqual([]);
    const { requests, assertions } = summary.run.stats;
    expect(assertions.total).toBeGreaterThan(requests.total ?? 0);
  });

  it('has every route', async () => {
    const server = await startServer();
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, object>>;
    };
    const items = (await json('postman_collection.json')).item as PostmanItem[];
    const requests = items
      .flatMap(({ item = [] }) => item)
      .flatMap(({ request }) => (request ? [request] : []));
    const asked = requests.map(
      ({ method, url }) => `${method} ${url.replace(/^\{\{baseUrl\}\}|\?.*$/g, '')}`,
    );
    for (const [route, methods] of Object.entries(paths)) {
      // Signed addresses are taken from answers, and not put together; and what goes on for ever has no answer to check.
      if (route.startsWith('/signed/') || route === '/events') continue;
      const pattern = new RegExp(`^${route.replace(/\./g, '\\.').replace(/\{\w+\}/g, '\\{\\{\\w+\\}\\}')}$`);
      for (const method of Object.keys(methods)) {
        const isAsked = asked.some((each) => {
          const [verb, address = ''] = each.split(' ');
          return verb === method.toUpperCase() && (pattern.test(address) || isFromAnswer(route, address));
        });
        expect(isAsked, `${method} ${route}`).toBe(true);
      }
    }
  });
});

interface PostmanItem {
  item?: PostmanItem[];
  request?: { method: string; url: string };
}

/** What an answer has named is asked for by its name. */
function isFromAnswer(route: string, address: string): boolean {
  const named: Record<string, string> = {
    '/stream/{filename}/manifest': '{{manifestUrl}}',
    '/stream/{filename}/master.m3u8': '{{hlsUrl}}',
    '/stream/{filename}/{rendition}.m3u8': '{{playlistUrl}}',
    '/stream/{filename}/segment/{segmentName}': '{{segmentUrl}}',
  };
  return address === named[route] || address.replace('{{streamUrl}}', '/stream/{filename}') === route;
}

describe('curl, as the documents write it', () => {
  let examples: string[];
  let server: TestServer;
  let locked: TestServer;
  let folder: string;
  beforeAll(async () => {
    const documents = ['README.md', 'docs/api.md'].map((name) =>
      readFile(path.join(projectFolder, name), 'utf8'),
    );
    const text = (await Promise.all(documents)).join('\n');
    const blocks = [...text.matchAll(/^```(?:sh|console)\n(.*?)^```$/gms)].map(([, block = '']) => block);
    examples = blocks.flatMap((block) =>
      [...block.matchAll(/^(?:\$ )?(curl .*)$/gm)].map(([, line = '']) => line),
    );
    [server, locked] = await Promise.all([startServer(DEFAULT_LADDER), startServer(LOCKED)]);
    folder = await temporaryFolder();
    for (const [seed, name] of ['song.mp3', 'viper.mp3', 'My Song?.mp3'].entries()) {
      const file = await audioFile('made.mp3', noise({ samples: 200_000, channels: 2, seed: 80 + seed }));
      await cp(file, path.join(folder, name));
    }
    await writeFile(path.join(folder, 'cover.png'), png(4, 4));
  });

  it('gives what it says, line by line', async () => {
    expect(examples.length).toBeGreaterThan(8);
    for (const example of examples) {
      const to = example.includes('Authorization') ? locked : server;
      // The address that is written there leads to the test's own server.
      await writeFile(
        path.join(folder, '.curlrc'),
        `connect-to = "localhost:8000:${new URL(to.url).host}"\nfail-with-body\nsilent\nshow-error\n`,
      );
      const child = spawn('bash', ['-c', `set -o pipefail; ${example}`], {
        cwd: folder,
        env: { ...process.env, CURL_HOME: folder, KEY },
        detached: true,
      });
      const endless = example.includes(' -N ');
      let stdout = '';
      for await (const chunk of child.stdout) {
        stdout += chunk;
        // What is followed goes on for ever.
        if (endless && stdout.includes('event: track')) process.kill(-(child.pid as number), 'SIGTERM');
      }
      const code = child.exitCode ?? child.signalCode ?? (await exitOf(child));
      expect([code, stdout], example).toEqual([endless ? 'SIGTERM' : 0, expect.any(String)]);
      if (!/DELETE/.test(example)) expect(stdout.length, example).toBeGreaterThan(1);
    }
  });
});
