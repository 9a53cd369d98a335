/** A track that could have come out of an upload, for tests that need one and do not care which. */
import { createHash } from 'node:crypto';
import type { TrackDraft } from '../../src/library/library.ts';
import { NO_FACTS } from '../../src/tracks/facts.ts';
import type { Track } from '../../src/tracks/track.ts';

/** @param content stands for the bytes of the file: equal contents have equal hashes. */
export function sampleDraft(content: string, changes: Partial<TrackDraft> = {}): TrackDraft {
  return {
    version: 1,
    originalName: 'audio.mp3',
    status: 'processing',
    error: null,
    source: {
      container: 'mp3',
      codec: 'mp3',
      bitRate: 192_000,
      sampleRate: 44_100,
      channels: 2,
      bytes: 240_000,
      sha256: createHash('sha256').update(content).digest('hex'),
    },
    streamIndex: 0,
    upload: null,
    uploadId: null,
    sampleRate: 44_100,
    channels: 2,
    samples: 441_000,
    isEndKnown: true,
    segmentFrames: 172,
    renditions: [
      {
        id: 'aac-128k',
        codec: 'aac',
        codecs: 'mp4a.40.2',
        bitRate: 128_000,
        bandwidth: 131_072,
        averageBandwidth: null,
        key: '3f9a2c1b',
      },
    ],
    truncated: null,
    declaredSeconds: null,
    hasSeekableCopy: false,
    copy: null,
    storedBytes: 240_000,
    ...NO_FACTS,
    ...changes,
  };
}

export function sampleTrack(changes: Partial<Track> = {}): Track {
  const filename = changes.filename ?? 'audio.mp3';
  return {
    ...sampleDraft('sample'),
    filename,
    uploadedAt: '2025-03-14T09:26:53.589Z',
    home: filename,
    ...changes,
  };
}
