import { describe, expect, it } from 'vitest';
import { renderMasterPlaylist, renderMediaPlaylist } from '../../src/presentation/hls.ts';
import { timelineOf } from '../../src/presentation/timeline.ts';
import type { Rendition } from '../../src/tracks/track.ts';
import { sampleTrack } from '../support/sample-track.ts';

const rendition = (kilobits: number, changes: Partial<Rendition> = {}): Rendition => ({
  id: `aac-${kilobits}k`,
  codec: 'aac',
  codecs: 'mp4a.40.2',
  bitRate: kilobits * 1000,
  bandwidth: kilobits * 1100,
  averageBandwidth: null,
  key: '3f9a2c1b',
  ...changes,
});

describe('the master playlist', () => {
  it('lists the rendition of 128k first, then the others, with estimated bit rates', () => {
    const renditions = [rendition(64), rendition(128), rendition(256)];
    expect(renderMasterPlaylist({ chapters: [], renditions })).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=140800,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"
aac-128k.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=70400,AVERAGE-BANDWIDTH=64000,CODECS="mp4a.40.2"
aac-64k.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=281600,AVERAGE-BANDWIDTH=256000,CODECS="mp4a.40.2"
aac-256k.m3u8
`);
  });

  it('names the chapters, where there are some, relative to itself', () => {
    const chapters = [{ startSeconds: 0, endSeconds: 1, title: 'Intro' }];
    expect(renderMasterPlaylist({ chapters, renditions: [rendition(128)] })).toContain(
      '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="apple-chapters.json"\n',
    );
  });

  it('has the measured bit rates once they are known', () => {
    const renditions = [rendition(128, { bandwidth: 133_701, averageBandwidth: 129_204 })];
    expect(renderMasterPlaylist({ chapters: [], renditions })).toContain(
      'BANDWIDTH=133701,AVERAGE-BANDWIDTH=129204,CODECS="mp4a.40.2"\naac-128k.m3u8\n',
    );
  });
});

describe('a media playlist', () => {
  const D = 172 * 1024;
  const playlist = (samples: number, changes = {}) => {
    const track = sampleTrack({ samples, renditions: [rendition(64)], ...changes });
    return renderMediaPlaylist(track, rendition(64), 'segment/');
  };

  it('gives each segment its length in media time, priming included', () => {
    expect(playlist(2 * D + 88_200)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="segment/aac-64k-3f9a2c1b-init.mp4"
#EXTINF:3.993832200,
segment/aac-64k-3f9a2c1b-00001.m4s
#EXTINF:3.993832200,
segment/aac-64k-3f9a2c1b-00002.m4s
#EXTINF:2.023219955,
segment/aac-64k-3f9a2c1b-00003.m4s
#EXT-X-ENDLIST
`);
  });

  const lengths = [1, 500, 1024].concat(
    [1, 2, 7].flatMap((n) => [-1, 0, 1, 11_024, 11_025, 80_000].map((more) => n * D - 1024 + more)),
  );
  it.each(lengths)('of %i samples is as long as the media, with no segment above the target', (samples) => {
    const text = playlist(samples);
    const durations = [...text.matchAll(/#EXTINF:([\d.]+),/g)].map(([, seconds]) => Number(seconds));
    const timeline = timelineOf({ samples, sampleRate: 44_100, segmentFrames: 172 });
    expect(durations).toHaveLength(timeline.segmentCount);
    const sum = durations.reduce((total, seconds) => total + seconds, 0);
    expect(sum).toBeCloseTo((samples + 1024) / 44_100, 7);
    const target = Number(/TARGETDURATION:(\d+)\n/.exec(text)?.[1]);
    expect(target).toBeGreaterThanOrEqual(1);
    for (const seconds of durations) expect(Math.round(seconds)).toBeLessThanOrEqual(target);
  });

  it('has a target duration that covers a last segment with a joined tail', () => {
    expect(
      playlist(3 * 22_528 + 5000, { segmentFrames: 65, samples: 2 * 65 * 1024 - 1024 + 11_000 }),
    ).toContain('#EXT-X-TARGETDURATION:2\n');
  });
});
