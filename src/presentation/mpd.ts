/** Renders the MPEG-DASH manifest (ISO/IEC 23009-1:2022) of a track from its record. Pure. */
import type { Rendition, Track } from '../tracks/track.ts';
import { durationSeconds } from '../tracks/track.ts';
import { initSegmentName, mediaSegmentTemplate } from './segment-name.ts';
import { type Timeline, timelineOf } from './timeline.ts';

/**
 * Renders a static MPD of one Period and one AdaptationSet. Its times are exact to the sample: the timescale is the sample
 * rate (clause 5.3.9.2), and the SegmentTimeline gives the presentation time of each segment (clause 5.3.9.6).
 *
 * @param segmentBase path from the manifest to the folder of the segments, with its last slash. A relative path works
 *   behind any prefix or proxy.
 */
export function renderMpd(track: Track, segmentBase: string): string {
  const timeline = timelineOf(track);
  const longest = Math.max(...[0, timeline.segmentCount - 1].map((index) => timeline.media(index).duration));
  const seconds = (samples: number) => xsDuration(samples / track.sampleRate);
  return `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="${xsDuration(durationSeconds(track))}" maxSegmentDuration="${seconds(longest)}" minBufferTime="${seconds(timeline.segmentSamples)}">
  <Period id="0" start="PT0S">
    <AdaptationSet id="0" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
${track.renditions.map((rendition) => representation(track, rendition, timeline, segmentBase)).join('\n')}
    </AdaptationSet>
  </Period>
</MPD>
`;
}

function representation(track: Track, rendition: Rendition, timeline: Timeline, segmentBase: string): string {
  const attributes = [
    `id="${rendition.id}"`,
    `codecs="${rendition.codecs}"`,
    `bandwidth="${rendition.bandwidth}"`,
    `audioSamplingRate="${track.sampleRate}"`,
  ];
  return `      <Representation ${attributes.join(' ')}>
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="${track.channels}"/>
        <SegmentTemplate timescale="${track.sampleRate}" startNumber="1" initialization="${xmlAttribute(segmentBase + initSegmentName(rendition))}" media="${xmlAttribute(segmentBase + mediaSegmentTemplate(rendition))}">
          <SegmentTimeline>
${segmentTimeline(timeline)
  .map(({ start, duration, repeat }) => {
    const t = start === undefined ? '' : ` t="${start}"`;
    const r = repeat === 0 ? '' : ` r="${repeat}"`;
    return `            <S${t} d="${duration}"${r}/>`;
  })
  .join('\n')}
          </SegmentTimeline>
        </SegmentTemplate>
      </Representation>`;
}

/** Returns at most three `<S>` elements, whatever the length: the first segment, the equal ones, and the last. */
function segmentTimeline(timeline: Timeline): { start?: number; duration: number; repeat: number }[] {
  const first = { start: 0, duration: timeline.presentation(0).duration, repeat: 0 };
  const last = timeline.segmentCount - 1;
  if (last === 0) return [first];
  const rest = { duration: timeline.presentation(last).duration, repeat: 0 };
  if (last === 1) return [first, rest];
  return [first, { duration: timeline.segmentSamples, repeat: last - 2 }, rest];
}

/** Formats seconds as an `xs:duration`, to the nanosecond. */
function xsDuration(seconds: number): string {
  return `PT${seconds.toFixed(9).replace(/\.?0+$/, '')}S`;
}

function xmlAttribute(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
