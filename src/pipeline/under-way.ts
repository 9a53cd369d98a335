/** Knows which uploads are under way, so that a server that stops can let them end. */
import { createBroadcast } from '../concurrency/broadcast.ts';

export interface UnderWay {
  begin(upload: string): void;
  end(upload: string): void;
  /** Resolves when none is under way, after `ms` milliseconds at the latest. */
  none(ms: number): Promise<void>;
}

export function createUnderWay(): UnderWay {
  const uploads = new Set<string>();
  const ends = createBroadcast<void>();
  return {
    begin: (upload) => void uploads.add(upload),
    end(upload) {
      if (uploads.delete(upload) && uploads.size === 0) ends.send();
    },
    async none(ms) {
      if (uploads.size > 0) await ends.next({ signal: AbortSignal.timeout(ms) }).catch(() => {});
    },
  };
}
