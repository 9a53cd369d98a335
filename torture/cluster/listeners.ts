/** Listeners of a cluster: one that waits for a segment, and some that play what is ready all the time. */
import type { ClusterNode } from '../../testkit/cluster-node.ts';
import { trackAt } from '../exact.ts';
import { type ListedTrack, segmentUrls } from '../on-timeline.ts';
import { check, eventually, pause } from './scenario.ts';

export interface Reply {
  status: number;
  tookMs: number;
  bytes: number;
  code?: string | undefined;
}

/** Asks for an address, and never rejects: status 0 says that there was no answer. */
export async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const startedAt = performance.now();
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(60_000), ...init });
    const body = Buffer.from(await response.arrayBuffer());
    const code = response.status < 400 ? undefined : (JSON.parse(body.toString()) as { code?: string }).code;
    return { status: response.status, tookMs: performance.now() - startedAt, bytes: body.length, code };
  } catch (error) {
    const code = error instanceof Error ? String(error.cause ?? error) : String(error);
    return { status: 0, tookMs: performance.now() - startedAt, bytes: 0, code };
  }
}

/** Waits until a node knows how a track is played. */
export async function untilPlayable(node: ClusterNode, filename: string): Promise<ListedTrack> {
  return eventually(20_000, async () => {
    const track = await trackAt(node.url, filename);
    check(typeof track.manifestUrl === 'string', `${filename} is not playable on ${node.name}`);
    return track;
  });
}

/** Asks a node for the last segment of a track, which is encoded last unless somebody asks for it. */
export async function askForEnd(node: ClusterNode, track: ListedTrack): Promise<Reply> {
  const [last] = (await segmentUrls(node.url, track)).map((urls) => urls.at(-2) as string);
  return ask(last as string);
}

export interface Playing {
  /** Stops, and resolves with what was heard. */
  stop(): Promise<{ plays: number; failures: string[]; longestMs: number }>;
}

/** Plays a ready track on each of some nodes, over and over: its manifest and every segment of it. */
export function playAllTheTime(nodes: readonly ClusterNode[], track: ListedTrack): Playing {
  const stopping = new AbortController();
  const failures: string[] = [];
  let plays = 0;
  let longestMs = 0;
  const play = async (node: ClusterNode) => {
    const manifestUrl = new URL(track.manifestUrl ?? 'null', node.url).href;
    const segments = (await segmentUrls(node.url, track)).flat();
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      const url = turn % 4 === 0 ? manifestUrl : (segments[turn % segments.length] as string);
      const reply = await ask(url);
      plays++;
      longestMs = Math.max(longestMs, reply.tookMs);
      if (reply.status !== 200) failures.push(`${reply.status} ${reply.code} of ${node.name} for ${url}`);
      await pause(20);
    }
  };
  const playing = nodes.map(async (node) => {
    await play(node).catch((error: unknown) => failures.push(`${node.name}: ${error}`));
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(playing);
      return { plays, failures, longestMs };
    },
  };
}
