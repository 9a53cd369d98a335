/**
 * Chooses the places of a track that the encoder goes to for its listeners: one place for each holder, however many of its
 * requests wait. The latest request counts, because after a seek the place before it is of no use; where a player
 * fetches ahead, the first of the segments just before the latest one. Other requests are answered when a run comes by.
 */
import type { Wanted } from './plan.ts';
import type { WaitingRequest } from './segment-waiters.ts';

/** Requests by the id of their rendition. */
export type WaitingRequests = ReadonlyMap<string, readonly WaitingRequest[]>;

/**
 * @param waiting all requests that wait for segments of one track.
 * @param options.ahead segments that a player may fetch ahead.
 * @param options.servedAt returns when a holder had its last turn.
 * @returns the wanted places, by the id of their rendition.
 */
export function wantedPlaces(
  waiting: WaitingRequests,
  { ahead, servedAt }: { ahead: number; servedAt(holder: string): number },
): Map<string, Wanted[]> {
  const latest = latestOfHolders(waiting);
  const wanted = new Map<string, Wanted[]>();
  for (const [renditionId, requests] of waiting) {
    const first = new Map<string, WaitingRequest>();
    for (const request of requests) {
      const last = latest.get(request.holder);
      if (last?.renditionId !== renditionId) continue;
      const { index } = first.get(request.holder) ?? last.request;
      if (request.index > index || request.index < last.request.index - ahead) continue;
      first.set(request.holder, request);
    }
    const places = [...first.values()].map((request) => ({ ...request, servedAt: servedAt(request.holder) }));
    wanted.set(renditionId, places);
  }
  return wanted;
}

/** Returns the latest request of each holder, with its rendition; of equals, the last one. */
function latestOfHolders(waiting: WaitingRequests) {
  const latest = new Map<string, { renditionId: string; request: WaitingRequest }>();
  for (const [renditionId, requests] of waiting) {
    for (const request of requests) {
      const before = latest.get(request.holder);
      if (!before || request.since >= before.request.since)
        latest.set(request.holder, { renditionId, request });
    }
  }
  return latest;
}
