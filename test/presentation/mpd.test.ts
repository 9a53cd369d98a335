import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { renderMpd } from '../../src/presentation/mpd.ts';
import { timelineOf } from '../../src/presentation/timeline.ts';
import { sampleTrack } from '../support/sample-track.ts';

const schema = readFileSync(new URL('../support/dash-mpd-emitted.xsd', import.meta.url), 'utf8');

/** Returns the schema errors of each document. Takes all documents at once, for each call starts a worker. */
async function faults(...documents: string[]): Promise<string[][]> {
  const xml = documents.map((contents, n) => ({ fileName: `${n}.mpd`, contents }));
  const result = await validateXML({ xml, schema: { fileName: 'dash.xsd', contents: schema } });
  const messages = result.errors.map(({ rawMessage }) => rawMessage);
  const found = xml.map(({ fileName }) => messages.filter((message) => message.startsWith(`${fileName}:`)));
  if (result.valid !== found.every((faultsOfOne) => faultsOfOne.length === 0))
    throw new Error(result.rawOutput);
  return found;
}

const at44 = { sampleRate: 44_100, segmentFrames: 172 };
const at48 = { sampleRate: 48_000, segmentFrames: 188 };
const full44 = 172 * 1024;
/** Tracks of one to many segments, with whole, short and joined tails. */
const tracks = [
  { ...at44, samples: 1 },
  { ...at44, samples: 500 },
  { ...at44, samples: 3000 },
  { ...at44, samples: full44 - 1024 },
  { ...at44, samples: full44 - 1023 },
  { ...at44, samples: 2 * full44 - 1024 },
  { ...at44, samples: 2 * full44 + 11_025 },
  { ...at44, samples: 3 * full44 - 1024 },
  { ...at44, samples: 3 * full44 + 500 },
  { ...at44, samples: 44_100 * 3600 },
  { ...at48, samples: 48_000 * 240 },
  { ...at48, samples: 48_000 * 86_400 + 7, channels: 1 },
  { sampleRate: 7350, segmentFrames: 29, samples: 1_000_003, channels: 1 },
].map(sampleTrack);

const attributes = (tag: string) =>
  Object.fromEntries([...tag.matchAll(/([\w:]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
const tags = (mpd: string, name: string) =>
  [...mpd.matchAll(new RegExp(`<${name}\\b(?:"[^"]*"|[^>"])*>`, 'g'))].map(([tag]) => attributes(tag));
const secondsOf = (duration: string | undefined) => Number(/^PT([\d.]+)S$/.exec(duration ?? '')?.[1]);

describe('a manifest', () => {
  it('is valid by the schema for any length, sample rate and channel count', async () => {
    const found = await faults(...tracks.map((track) => renderMpd(track, 'segment/')));
    expect(found).toEqual(tracks.map(() => []));
  });

  it('is valid with several renditions, and lists all of them', async () => {
    const [rendition] = sampleTrack().renditions;
    if (!rendition) throw new Error('the sample has no rendition');
    const low = { ...rendition, id: 'aac-64k', bitRate: 64_000, bandwidth: 66_000, key: '0badcafe' };
    const mpd = renderMpd(sampleTrack({ renditions: [low, rendition] }), 'segment/');
    expect(await faults(mpd)).toEqual([[]]);
    expect(tags(mpd, 'Representation')).toMatchObject([
      { id: 'aac-64k', bandwidth: '66000', codecs: 'mp4a.40.2', audioSamplingRate: '44100' },
      { id: 'aac-128k', bandwidth: '131072', codecs: 'mp4a.40.2', audioSamplingRate: '44100' },
    ]);
    expect(tags(mpd, 'SegmentTemplate').map(({ media }) => media)).toEqual([
      'segment/aac-64k-0badcafe-$Number%05d$.m4s',
      'segment/aac-128k-3f9a2c1b-$Number%05d$.m4s',
    ]);
  });

  it.each(tracks)(
    'of $samples samples at $sampleRate Hz describes each segment in at most three <S>',
    (track) => {
      const timeline = timelineOf(track);
      const said = tags(renderMpd(track, 'segment/'), 'S');
      expect(said.length).toBe(Math.min(3, timeline.segmentCount));
      const durations = said.flatMap(({ d, r = '0' }) =>
        Array.from({ length: Number(r) + 1 }, () => Number(d)),
      );
      const indices = Array.from({ length: timeline.segmentCount }, (_, index) => index);
      expect(durations).toEqual(indices.map((index) => timeline.presentation(index).duration));
      expect(durations.reduce((sum, duration) => sum + duration, 0)).toBe(track.samples);
      expect(said.map(({ t }) => t)).toEqual(['0', ...said.slice(1).map(() => undefined)]);
    },
  );

  it.each(tracks)('of $samples samples at $sampleRate Hz has times exact to the sample', (track) => {
    const mpd = renderMpd(track, 'segment/');
    const [root] = tags(mpd, 'MPD');
    expect(secondsOf(root?.mediaPresentationDuration)).toBeCloseTo(track.samples / track.sampleRate, 8);
    const timeline = timelineOf(track);
    const longest = Math.max(...tags(mpd, 'S').map(({ d }) => Number(d))) / track.sampleRate;
    expect(secondsOf(root?.maxSegmentDuration)).toBeGreaterThanOrEqual(longest - 1e-9);
    expect(secondsOf(root?.minBufferTime)).toBeCloseTo(timeline.segmentSamples / track.sampleRate, 8);
    expect(tags(mpd, 'SegmentTemplate')).toMatchObject([
      { timescale: String(track.sampleRate), startNumber: '1' },
    ]);
    expect(tags(mpd, 'AudioChannelConfiguration')).toMatchObject([{ value: String(track.channels) }]);
  });

  it.each([
    [10, 'PT10S'],
    [100, 'PT100S'],
    [0.5, 'PT0.5S'],
    [3600, 'PT3600S'],
  ])('of %d s has the duration %s', (seconds, expected) => {
    const [root] = tags(renderMpd(sampleTrack({ samples: seconds * 44_100 }), ''), 'MPD');
    expect(root?.mediaPresentationDuration).toBe(expected);
  });

  const bases = [
    'a&b/',
    'a&amp;b/',
    'a<b>/',
    '"quoted"/',
    "it's/",
    ']]>/',
    '音/',
    '../../segments/%C3%A9.mp3/',
  ];

  it('is valid with any path of its segments', async () => {
    const found = await faults(...bases.map((base) => renderMpd(sampleTrack(), base)));
    expect(found).toEqual(bases.map(() => []));
  });

  it.each(bases)('keeps the path of its segments: %s', (base) => {
    const [template] = tags(renderMpd(sampleTrack(), base), 'SegmentTemplate');
    expect(unescaped(template?.media)).toBe(`${base}aac-128k-3f9a2c1b-$Number%05d$.m4s`);
    expect(unescaped(template?.initialization)).toBe(`${base}aac-128k-3f9a2c1b-init.mp4`);
  });
});

describe('the validator refuses a manifest', () => {
  const right = renderMpd(sampleTrack(), 'segment/');
  const broken: [what: string, part: string | RegExp, instead: string][] = [
    ['in another namespace', 'mpd:2011', 'mpd:2012'],
    ['without minBufferTime', / minBufferTime="[^"]*"/, ''],
    ['with a number for a duration', /mediaPresentationDuration="[^"]*"/, 'mediaPresentationDuration="10"'],
    ['that is dynamic', 'type="static"', 'type="dynamic"'],
    ['with an unknown attribute', 'type="static"', 'type="static" lang="en"'],
    ['with an unknown element', '<Period', '<Title/><Period'],
    ['with a space in an id', 'id="aac-128k"', 'id="aac 128k"'],
    ['with a fraction of a bandwidth', /bandwidth="\d+"/, 'bandwidth="1.5"'],
    ['with an S that has no length', / d="\d+"/, ''],
    ['with an S of length 0', / d="\d+"/, ' d="0"'],
    ['with a negative start', 't="0"', 't="-1"'],
    ['with a template that counts nothing', '$Number%05d$', '1'],
    ['with elements out of order', /(<AudioChannel[^>]*>)(.*<\/SegmentTemplate>)/s, '$2$1'],
    ['with a Role after the Representation', /(<Role[^>]*>)(.*<\/Representation>)/s, '$2$1'],
    ['that is cut off', /<\/Period>.*/s, ''],
    ['with a bare ampersand', 'media="segment/', 'media="a&b/'],
  ];
  let found: string[][];
  beforeAll(async () => {
    found = await faults(...broken.map(([, part, instead]) => right.replace(part, instead)));
  });

  it.each(broken.map(([what, part, instead], n) => [what, right.replace(part, instead), n] as const))(
    '%s',
    (_what, document, n) => {
      expect(document).not.toBe(right);
      expect(found[n]).not.toEqual([]);
    },
  );
});

function unescaped(value: string | undefined): string | undefined {
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
