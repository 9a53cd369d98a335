/** The rules of the house, held by reading it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((file) =>
  file.split(path.sep).join('/'),
);
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
const sources = files.filter((file) => file.endsWith('.ts')).sort();

interface Import {
  /** Relative to `src/`; a package by its name. */
  target: string;
  typeOnly: boolean;
}

/** Every `import ... from`, `export ... from`, bare import and `import()` of a file. */
function importsOf(file: string, text = textOf(file)): Import[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map(([, type, from, dynamic]) => {
    const name = from ?? dynamic ?? '';
    const target = name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : name;
    return { target, typeOnly: type !== undefined };
  });
}

/** Code without comments and plain strings, so that words in them are not taken for code. */
const codeOf = (text: string) =>
  text
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");

/** The room that a file is in; a file beside the rooms, and an interface, stands for itself. */
function partOf(file: string): string {
  if (file === 'library/library.ts' || file === 'storage/storage.ts') return file;
  return file.includes('/') ? path.posix.dirname(file) : file;
}

const interfaces = ['library/library.ts', 'storage/storage.ts'];
const typesOf = (...parts: string[]) => parts.map((part) => `type ${part}`);
/** What every room may import. */
const primitives = ['errors.ts', 'concurrency', 'tracks'];
const work = ['presentation', 'ffmpeg', 'source', 'encoding', 'early', 'facts', 'pipeline', 'governor'];
/** Where the adapters of the interfaces are opened. */
const adapters = ['disk', 'database', 'library', 'storage', 'encoding/cluster', 'facts/cluster'];
const shared = ['http', 'http/openapi', 'http/access', 'http/connections'];
const ofServices = typesOf('config', 'services.ts', ...interfaces);

/** What each room may import, beside itself; `type` marks those of which it may see the types only. */
const mayImport: Record<string, string[]> = {
  'server.ts': ['app.ts', 'config', 'services.ts', 'errors.ts'],
  'services.ts': [...typesOf('config', ...interfaces), 'engines', ...work, ...primitives],
  engines: [...typesOf('config', ...interfaces), ...adapters, 'encoding', 'facts', 'pipeline', ...primitives],
  moving: [
    ...typesOf('config', ...interfaces),
    ...adapters,
    'engines',
    'presentation',
    'pipeline',
    ...primitives,
  ],
  database: [...primitives],
  'encoding/cluster': [
    ...typesOf('library', ...interfaces),
    'database',
    'encoding',
    'presentation',
    ...primitives,
  ],
  'app.ts': [...typesOf('config', 'services.ts'), ...shared, 'http/routes', 'http/streaming', ...primitives],
  'http/routes': [...ofServices, ...shared, 'http/multipart', ...work, ...primitives],
  'http/streaming': [...ofServices, ...shared, ...work, 'own-memory.ts', ...primitives],
  'http/multipart': [...primitives],
  'http/access': [...typesOf('config'), ...primitives],
  'http/connections': ['http', ...typesOf('governor'), ...primitives],
  'http/openapi': [...primitives],
  http: [...typesOf('http/openapi', 'http/access', 'encoding', ...interfaces), ...primitives],
  pipeline: [
    ...typesOf(...interfaces),
    'presentation',
    'ffmpeg',
    'source',
    'encoding',
    'early',
    'facts',
    'governor',
    ...primitives,
  ],
  facts: [
    ...typesOf(...interfaces, 'governor'),
    'presentation',
    'ffmpeg',
    'source',
    'encoding',
    'early',
    ...primitives,
  ],
  'facts/cluster': [...typesOf('library', ...interfaces), 'database', 'facts', ...primitives],
  early: [
    ...typesOf('storage/storage.ts', 'governor'),
    'presentation',
    'ffmpeg',
    'source',
    'encoding',
    ...primitives,
  ],
  encoding: [...typesOf(...interfaces, 'governor'), 'presentation', 'ffmpeg', 'source', ...primitives],
  source: ['presentation', 'ffmpeg', ...primitives],
  ffmpeg: [...primitives],
  presentation: [...primitives],
  governor: [...typesOf('storage/storage.ts'), ...primitives],
  config: ['presentation', ...primitives],
  library: [...typesOf('library/library.ts'), 'disk', 'database', ...primitives],
  storage: [...typesOf('storage/storage.ts'), 'disk', 'own-memory.ts', ...primitives],
  'library/library.ts': typesOf('tracks'),
  'storage/storage.ts': typesOf('tracks'),
  disk: ['errors.ts'],
  tracks: ['errors.ts'],
  concurrency: [],
  'own-memory.ts': [],
  'errors.ts': ['app-error.ts'],
  'app-error.ts': [],
};

/** Imports of our own files that the table does not allow, as sentences. */
function trespasses(file: string, text?: string): string[] {
  const part = partOf(file);
  const allowed = [part, ...(mayImport[part] ?? [])];
  return importsOf(file, text)
    .filter(({ target }) => target.endsWith('.ts'))
    .filter(({ target, typeOnly }) => {
      const other = partOf(target);
      return !allowed.includes(other) && !(typeOnly && allowed.includes(`type ${other}`));
    })
    .map(({ target, typeOnly }) => `${file} imports ${typeOnly ? 'types of ' : ''}${target}`);
}

describe('the layers', () => {
  it('are those of files that exist', () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(sources.filter((file) => mayImport[partOf(file)] === undefined)).toEqual([]);
    expect(Object.keys(mayImport).filter((part) => !sources.some((file) => partOf(file) === part))).toEqual(
      [],
    );
  });

  it.each(sources)('let %s import what it does', (file) => {
    expect(trespasses(file)).toEqual([]);
  });

  it.each([
    ['tracks/track.ts', "import { errors } from '../http/problem.ts';"],
    ['presentation/mpd.ts', "import type { Library } from '../library/library.ts';"],
    ['pipeline/ingest.ts', "import { openDiskLibrary } from '../library/disk.ts';"],
    ['pipeline/ingest.ts', "import type { Services } from '../services.ts';"],
    ['http/files.ts', "import {\n  openServices,\n} from '../services.ts';"],
    ['http/files.ts', "import { openDiskStorage } from '../storage/disk.ts';"],
    ['http/files.ts', "import { Config, type Other } from '../config/config.ts';"],
    ['app.ts', "const { openDiskStorage } = await import('./storage/disk.ts');"],
    ['encoding/runner.ts', "const { openS3Storage } = await import('../storage/s3.ts');"],
    ['library/disk.ts', "import type { Storage } from '../storage/storage.ts';"],
    ['storage/disk.ts', "import { createUploadOrder } from '../library/order.ts';"],
    ['disk/lock.ts', "export { parseTrack } from '../tracks/track.ts';"],
    ['errors.ts', "import './tracks/track.ts';"],
  ])('would not let %s say %s', (file, text) => {
    expect(trespasses(file, text)).toHaveLength(1);
  });

  it('have one room that imports adapters', () => {
    const adapters = ['library/disk.ts', 'library/postgres.ts', 'storage/disk.ts', 'storage/s3.ts'];
    const importers = sources.filter((file) => {
      const targets = importsOf(file).filter(({ typeOnly }) => !typeOnly);
      return targets.some(({ target }) => adapters.includes(target));
    });
    expect(importers).toEqual(['engines/disk.ts', 'engines/shared.ts']);
  });
});

describe('tools', () => {
  const fileSystem = /^(node:)?(fs|fs\/promises|child_process|net|http)$/;
  const pureRooms = /^(tracks|presentation|concurrency|governor)\//;
  const pureFacts = ['waveform', 'pauses', 'pcm-reader', 'loudness-report'];
  const pureFiles = ['planner', 'plan', 'background-work', 'urgent-work', 'cutter', 'boxes'];
  const pure = [
    ...sources.filter((file) => pureRooms.test(file)),
    ...pureFiles.map((name) => `encoding/${name}.ts`),
    ...pureFacts.map((name) => `facts/${name}.ts`),
    ...['ffmpeg/input.ts', 'ffmpeg/filters.ts'],
    ...['facts/avi-packets.ts', 'facts/picture-format.ts', 'facts/cover-files.ts'],
  ];

  it.each(pure)('are unknown to %s', (file) => {
    const tools = importsOf(file)
      .map(({ target }) => target)
      .filter((target) => /^@?fastify/.test(target) || fileSystem.test(target) || target === 'fluent-ffmpeg');
    expect(tools).toEqual([]);
  });

  it('such as fluent-ffmpeg have one importer', () => {
    const importers = sources.filter((file) =>
      importsOf(file).some(({ target }) => target === 'fluent-ffmpeg'),
    );
    expect(importers).toEqual(['ffmpeg/ffmpeg.ts']);
  });

  it('such as the SDK of S3 stay in the adapter', () => {
    const importers = sources.filter((file) =>
      importsOf(file).some(({ target }) => /^@(aws-sdk|smithy)\//.test(target)),
    );
    expect(importers).toContain('storage/s3-client.ts');
    expect(importers.filter((file) => !file.startsWith('storage/s3-'))).toEqual([]);
  });

  it('are Fastify for the front door only', () => {
    const importers = sources.filter((file) =>
      importsOf(file).some(({ target }) => /^@?fastify/.test(target)),
    );
    expect(importers.filter((file) => file !== 'app.ts' && !file.startsWith('http/'))).toEqual([]);
    expect(importers).toContain('app.ts');
  });
});

describe('the process', () => {
  const usesProcess = (text: string) =>
    /(?<![.\w])process\s*(\?\.|\.|\[)\s*\w|[({[,=:]\s*process\s*[)}\],;]/.test(codeOf(text)) ||
    /['"](node:)?process['"]/.test(text);

  it('is touched by the server alone, and to signal the group of another one', () => {
    expect(sources.filter((file) => usesProcess(textOf(file)))).toEqual([
      'ffmpeg/tool-process.ts',
      'server.ts',
    ]);
  });

  it.each([
    'process.exit(1)',
    'const { env } = process;',
    'globalThis.x = f(process)',
    "import 'node:process'",
  ])('would be found in %s', (text) => {
    expect(usesProcess(text)).toBe(true);
  });

  it.each([
    'processTrack(job)',
    'child.process.kill()',
    '// process.exit',
    "const text = 'a process. The end'",
  ])('would not be taken for %s', (text) => {
    expect(usesProcess(text)).toBe(false);
  });

  it('hands its environment over, once and as a whole', () => {
    const uses = sources.flatMap((file) =>
      [...codeOf(textOf(file)).matchAll(/.*\bprocess\.env\b.*/g)].map(([line]) => `${file}: ${line.trim()}`),
    );
    expect(uses).toHaveLength(1);
    expect(uses[0]).toMatch(/^server\.ts: .*\bparseConfig\(process\.env, \w+\);$/);
  });

  it('has an environment that nothing but the configuration reads', () => {
    const names = [...textOf('config/settings.ts').matchAll(/^\s+([A-Z][A-Z_]+): /gm)].map(
      ([, name]) => name,
    );
    expect(names).toContain('DATA_DIR');
    const named = new RegExp(`\\b(${names.join('|')})\\b`);
    const withoutTemplates = (text: string) => codeOf(text).replace(/`(?:\\.|[^`\\])*`/gs, '');
    expect(sources.filter((file) => named.test(withoutTemplates(textOf(file))))).toEqual([
      'config/settings.ts',
    ]);
  });
});

it('no source file is longer than 300 lines', () => {
  const long = files
    .filter((file) => /\.(ts|js|css|html)$/.test(file))
    .map((file) => ({ file, lines: textOf(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > 300);
  expect(long).toEqual([]);
});

describe('the lanes of the tests', () => {
  const tests = fileURLToPath(new URL('./', import.meta.url));
  const unitTests = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /\.test\.ts$/.test(file) && !/\.(service|engines)\.test\.ts$|^(journeys|system|browser)\//.test(file),
  );

  it.each(unitTests)('let %s start no process and open no socket', (file) => {
    const text = readFileSync(path.join(tests, file), 'utf8');
    expect(text).not.toMatch(
      /from '(node:(child_process|net|http)|.*support\/(server|process|browser|audio)\.ts)'/,
    );
  });
});
