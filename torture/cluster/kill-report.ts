/** What two hundred kills have done to three nodes. */
export interface KillReport {
  failures: string[];
  kills: number;
  killedAtStart: number;
  acknowledged: number;
  slowly: number;
  deleted: number;
  plays: number;
  /** Uploads of the same bytes on three nodes at once, and of the same name with other bytes on two. */
  sameBytes: number;
  sameNames: number;
  /** Requests that were answered with 503 while nodes were killed. */
  refused: number;
  unansweredThere: number;
  unansweredGone: number;
  decoded: number;
  samples: number;
  /** Objects that belonged to no track before the janitor came. */
  swept: number;
}

export function emptyReport(): KillReport {
  return {
    failures: [],
    kills: 0,
    killedAtStart: 0,
    acknowledged: 0,
    slowly: 0,
    deleted: 0,
    plays: 0,
    sameBytes: 0,
    sameNames: 0,
    refused: 0,
    unansweredThere: 0,
    unansweredGone: 0,
    decoded: 0,
    samples: 0,
    swept: 0,
  };
}
