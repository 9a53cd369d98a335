/**
 * Chooses the places of a track that the encoder goes to for its listeners: one place for each holder, however many requests
 * of the holder are held. The latest request counts, because after a seek the place before it is of no use; where a player
 * fetches ahead, the first of the segments just before the latest one. Other requests are answered when a run comes by.
 */
import type { Wanted } from './plan.ts';
import type { HeldRequest } from './segment-waiters.ts';

/**
 * @param held the requests for each rendition of a track.
 * @param ahead segments that a player may fetch ahead.
 * @param servedAt when a holder had its last turn.
 * @returns the wanted places of each rendition.
 */
export function wantedPlaces(
  held: readonly Iterable<HeldRequest>[],
  ahead: number,
  servedAt: (holder: string) => number,
): Wanted[][] {
  const requests = held.map((each) => [...each]);
  const latest = new Map<string, { rendition: number; request: HeldRequest }>();
  for (const [rendition, each] of requests.entries()) {
    for (const request of each) {
      const before = latest.get(request.holder);
      if (!before || request.since >= before.request.since)
        latest.set(request.holder, { rendition, request });
    }
  }
  return requests.map((each, rendition) => {
    const first = new Map<string, HeldRequest>();
    for (const request of each) {
      const last = latest.get(request.holder);
      if (last?.rendition !== rendition) continue;
      const { index } = first.get(request.holder) ?? last.request;
      if (request.index > index || request.index < last.request.index - ahead) continue;
      first.set(request.holder, request);
    }
    return [...first.values()].map((request) => ({ ...request, servedAt: servedAt(request.holder) }));
  });
}
