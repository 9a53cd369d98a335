/** Clients of a cluster behind a balancer, which repeat what fails as players and careful uploaders do. */
import { type ListedTrack, segmentUrls } from '../on-timeline.ts';
import type { SourceFile } from '../sources.ts';
import { submit } from '../submit.ts';
import { ask } from './listeners.ts';
import { pause } from './scenario.ts';

/** hls.js repeats a failed segment six times, dash.js three times, both after about a second. */
const RETRIES = 3;
const RETRY_MS = 1000;
const BETWEEN_PLAYS_MS = 20;
const BETWEEN_UPLOADS_MS = 300;

export interface Tally {
  requests: number;
  /** Requests that were repeated by the client and then worked. */
  retried: number;
  /** What was no success even after that, with the reason. */
  failed: string[];
  /** The reason of each response that was repeated, with how often. */
  reasons: Record<string, number>;
  longestMs: number;
}

export function emptyTally(): Tally {
  return { requests: 0, retried: 0, failed: [], reasons: {}, longestMs: 0 };
}

interface Outcome {
  /** Undefined for a success. */
  fault: string | undefined;
}

/** Repeats `attempt` as a client does, and counts. */
async function counted<T extends Outcome>(tally: Tally, what: string, attempt: () => Promise<T>): Promise<T> {
  tally.requests++;
  for (let tries = 0; ; tries++) {
    const startedAt = performance.now();
    const outcome = await attempt();
    tally.longestMs = Math.max(tally.longestMs, performance.now() - startedAt);
    if (outcome.fault === undefined) {
      if (tries > 0) tally.retried++;
      return outcome;
    }
    tally.reasons[outcome.fault] = (tally.reasons[outcome.fault] ?? 0) + 1;
    if (tries === RETRIES) {
      tally.failed.push(`${what}: ${outcome.fault}`);
      return outcome;
    }
    await pause(RETRY_MS);
  }
}

async function get(tally: Tally, url: string): Promise<void> {
  await counted(tally, url, async () => {
    const { status, code } = await ask(url);
    return { fault: status === 200 ? undefined : `${status} ${code}` };
  });
}

/** Plays a ready track over and over: its manifest and every segment of it. */
export async function listen(url: string, track: ListedTrack, tally: Tally, signal: AbortSignal) {
  const manifestUrl = new URL(track.manifestUrl ?? 'null', url).href;
  const segments = (await segmentUrls(url, track)).flat();
  for (let turn = 0; !signal.aborted; turn++) {
    await get(tally, turn % 4 === 0 ? manifestUrl : (segments[turn % segments.length] as string));
    await pause(BETWEEN_PLAYS_MS);
  }
}

/** Uploads long files, and asks for segments of each, from its end to its beginning, before they are encoded. */
export async function seek(url: string, { nextFile, uploads, seeks, signal }: Seeking): Promise<void> {
  while (!signal.aborted) {
    const track = await upload(url, nextFile(), { wait: 'true', tally: uploads });
    if (track === undefined) continue;
    const [segments = []] = await segmentUrls(url, track).catch(() => []);
    const ahead = segments.slice(0, -1).reverse();
    for (let at = 0; at < ahead.length && !signal.aborted; at += 4) await get(seeks, ahead[at] as string);
  }
}

interface Seeking {
  nextFile(): SourceFile;
  uploads: Tally;
  seeks: Tally;
  signal: AbortSignal;
}

/** Uploads one file after the other, each within so many milliseconds. @returns the names of the tracks. */
export async function uploadAllTheTime(
  url: string,
  {
    nextFile,
    takesMs,
    tally,
    signal,
  }: { nextFile(): SourceFile; takesMs: number; tally: Tally; signal: AbortSignal },
): Promise<string[]> {
  const names: string[] = [];
  while (!signal.aborted) {
    const track = await upload(url, nextFile(), { wait: 'true', tally, takesMs });
    if (track) names.push(track.filename);
    await pause(BETWEEN_UPLOADS_MS);
  }
  return names;
}

/** Uploads a file until it is accepted. The same bytes once more are the same track, so a client loses nothing by that. */
async function upload(
  url: string,
  file: SourceFile,
  { wait, tally, takesMs = 0 }: { wait: string; tally: Tally; takesMs?: number },
): Promise<ListedTrack | undefined> {
  const { track } = await counted(tally, file.name, async () => {
    try {
      const { status, body } = await submit(url, file, wait, takesMs);
      if (status < 300) return { fault: undefined, track: body };
      return { fault: `${status} ${body.code}`, track: undefined };
    } catch (error) {
      const cause = error instanceof Error ? String(error.cause ?? error) : String(error);
      return { fault: `no response: ${cause}`, track: undefined };
    }
  });
  return track;
}
