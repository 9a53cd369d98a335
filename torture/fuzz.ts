/**
 * Sends mutated files of every format through the whole service, and checks it: each file gets a sensible response in time,
 * accepted files are encoded on the timeline, nothing unnecessary is kept, and memory does not grow.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { budgetsInUse, fuzzForms } from './fuzz-forms.ts';
import { mutated } from './mutate.ts';
import { assertOnTimeline, type ListedTrack } from './on-timeline.ts';
import { processesMentioning, seeded, startServer, type TortureServer, untilNone } from './server.ts';
import { makeSources, type SourceFile } from './sources.ts';

/** Timeout of a file: longer than any probe, copy or encode of such a short file takes. */
const ANSWER_LIMIT_MS = 60_000;
/** Limit of the duration. A mutated header can make hours of silence from a second of audio: right, but slow. */
const MAX_DURATION_SECONDS = 600;
const AT_ONCE = 4;
/** Sensible statuses: stored, known already, no file, no audio, not encodable. */
const SENSIBLE = new Set([200, 201, 400, 415, 422]);
const GROWTH = 1.25;
const GROWTH_BYTES = 20 * 1024 ** 2;

export interface FuzzOptions {
  files: number;
  /** Number of mutated forms to send before the files. */
  forms: number;
  seed: number;
  /** Number of the only file to send. */
  only?: number | undefined;
  /** Formats; all by default. */
  formats?: number;
  log(line: string): void;
}

export interface FuzzReport {
  failures: string[];
  answers: Map<number, number>;
  /** Responses to the mutated forms. */
  formAnswers: Map<number, number>;
  tracks: number;
  slowestMs: number;
  /** Most memory of the server in each quarter, in bytes. */
  memory: number[];
}

/** Runs the fuzzing, and removes its files. Keeps and names the files that failed. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-fuzz-'));
  const dataDir = path.join(folder, 'data');
  const report: FuzzReport = {
    failures: [],
    answers: new Map(),
    formAnswers: new Map(),
    tracks: 0,
    slowestMs: 0,
    memory: [0, 0, 0, 0],
  };
  try {
    const sources = await makeSources(folder, options.formats);
    const server = await startServer({
      DATA_DIR: dataDir,
      PORT: '0',
      AUDIO_LADDER: 'aac@64k',
      MAX_DURATION_SECONDS: String(MAX_DURATION_SECONDS),
      LOG_LEVEL: 'info',
    });
    await tryForms(server, sources[0] as SourceFile, options, report);
    const numbers = (
      options.only === undefined ? Array.from({ length: options.files }, (_, n) => n) : [options.only]
    ).values();
    const worker = async () => {
      for (const number of numbers) {
        if (!server.isAlive) return;
        await tryOne(server, number);
      }
    };
    const tryOne = async (running: TortureServer, number: number) => {
      const file = mutated(sources, seeded(options.seed * 1_000_003 + number));
      const started = performance.now();
      await submit(running.url, number, file, report).catch(async (error: Error) => {
        const kept = path.join(tmpdir(), `fuzz-${options.seed}-${number}-${file.name}`);
        await writeFile(kept, file.bytes);
        report.failures.push(
          `file ${number} (${file.done.join(', ')}): ${error.message}; kept as ${kept}; again by: npm run fuzz -- --seed ${options.seed} --only ${number}`,
        );
      });
      report.slowestMs = Math.max(report.slowestMs, performance.now() - started);
      const quarter = Math.min(3, Math.floor((4 * number) / options.files));
      report.memory[quarter] = Math.max(report.memory[quarter] ?? 0, await running.residentBytes());
      if ((number + 1) % 100 === 0)
        options.log(`${number + 1} of ${options.files} files, ${report.failures.length} failures`);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await judgeTheEnd(server, dataDir, report);
    await server.end('SIGTERM');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return report;
}

/** Sends mutated forms around a file that the server has already, so that whole forms get a response at once. */
async function tryForms(
  { url }: TortureServer,
  { name, bytes }: SourceFile,
  { forms, seed, log }: FuzzOptions,
  report: FuzzReport,
): Promise<void> {
  if (forms === 0) return;
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(bytes)]), name);
  await fetch(`${url}/upload?wait=ready`, { method: 'POST', body: form });
  const { failures, answers } = await fuzzForms({
    url,
    audio: bytes,
    forms,
    seed,
    usage: () => usageOf(url),
  });
  report.failures.push(...failures);
  report.formAnswers = answers;
  log(`${forms} forms, ${failures.length} failures`);
  const listed = (await (await fetch(`${url}/files`)).json()) as { filename: string }[];
  for (const { filename } of listed) {
    await fetch(`${url}/files/${encodeURIComponent(filename)}`, { method: 'DELETE' });
  }
}

/** Resolves with the units in use, from `/readyz`. */
async function usageOf(url: string): Promise<Record<string, number>> {
  const { inUse } = (await (await fetch(`${url}/readyz`)).json()) as { inUse?: Record<string, number> };
  if (!inUse) throw new Error('/readyz has no inUse');
  return inUse;
}

/** Uploads a file, checks its track, and deletes it. */
async function submit(url: string, number: number, file: SourceFile, report: FuzzReport): Promise<void> {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(file.bytes)]), `${number}-${file.name}`);
  const response = await fetch(`${url}/upload?wait=ready`, {
    method: 'POST',
    body: form,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const answer = (await response.json()) as ListedTrack & { code?: string; detail?: string };
  report.answers.set(response.status, (report.answers.get(response.status) ?? 0) + 1);
  if (!SENSIBLE.has(response.status))
    throw new Error(`answered ${response.status} ${answer.code}: ${answer.detail}`);
  if (response.status < 300) {
    report.tracks++;
    await assertOnTimeline(url, answer);
  }
  const filename = answer.filename;
  if (filename === undefined) return;
  const removed = await fetch(`${url}/files/${encodeURIComponent(filename)}`, { method: 'DELETE' });
  // Two equal files at once are one track, so it may be deleted already.
  if (removed.status !== 204 && removed.status !== 404) throw new Error(`DELETE answered ${removed.status}`);
}

async function judgeTheEnd(server: TortureServer, dataDir: string, report: FuzzReport): Promise<void> {
  if (!server.isAlive) report.failures.push('the server died');
  else {
    const ready = await fetch(`${server.url}/readyz`);
    if (ready.status !== 200) report.failures.push(`/readyz answers ${ready.status}: ${await ready.text()}`);
    const inUse = await untilNone(() => budgetsInUse(() => usageOf(server.url)), 5000);
    if (inUse.length > 0) report.failures.push(`still in use at the end: ${inUse.join(', ')}`);
  }
  const left = await untilNone(async () => {
    const folders = ['uploads', 'segments', 'manifests'].map((name) => path.join(dataDir, name));
    return (await Promise.all(folders.map((folder) => readdir(folder))))
      .flat()
      .filter((name) => !name.startsWith('.git'));
  }, 5000);
  if (left.length > 0) report.failures.push(`left behind: ${left.join(', ')}`);
  const running = await untilNone(() => processesMentioning(`${dataDir}/uploads`), 5000);
  if (running.length > 0) report.failures.push(`still running: ${running.join('; ')}`);
  const [, second = 0, , last = 0] = report.memory;
  if (last > GROWTH * second + GROWTH_BYTES)
    report.failures.push(`memory grew from ${second} to ${last} bytes`);
}
