import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { NO_FACTS } from '../../src/tracks/facts.ts';
import { durationSeconds, parseTrack, TRACK_VERSION, trackAt } from '../../src/tracks/track.ts';
import { sampleTrack } from '../support/sample-track.ts';

const records = new URL('../fixtures/track-json/', import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, records), 'utf8'));
const names = readdirSync(records).filter((name) => name.endsWith('.json'));

/** Returns whether V8 keeps an object without a hash table. */
setFlagsFromString('--allow-natives-syntax');
const isCompact = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean;

describe('a record on disk', () => {
  it('has a sample of the current version', () => {
    expect(names).toContain(`v${TRACK_VERSION}.json`);
  });

  it.each(names)('is parsed as a track: %s', (name) => {
    const track = parseTrack(read(name));
    expect(track.filename).toMatch(/\.flac$/);
    expect(track.status).toBe('ready');
    expect(durationSeconds(track)).toBe(240);
    expect(track.renditions.map(({ id, key }) => [id, key])).toEqual([['aac-128k', '3f9a2c1b']]);
  });

  it.each(names)('is parsed without a loss: %s', (name) => {
    const record = read(name);
    expect(parseTrack(record)).toMatchObject(record as object);
  });

  it('may have every fact of a recording', () => {
    expect(read('v1-facts.json')).toMatchObject(
      Object.fromEntries(Object.keys(NO_FACTS).map((fact) => [fact, expect.anything()])),
    );
  });

  it('is a track in little memory: a library keeps a hundred thousand of them', () => {
    const track = trackAt('home', parseTrack(read('v1-facts.json')));
    expect([track.home, isCompact(track)]).toEqual(['home', true]);
  });

  it('that is older than measured bit rates has none', () => {
    const { renditions } = parseTrack(read('v1.json'));
    expect(renditions.map(({ averageBandwidth }) => averageBandwidth)).toEqual([null]);
  });

  /** Fields that came later have a default for records without them. The home is in no record. */
  const added = [
    ...['home', 'truncated', 'hasSeekableCopy', 'declaredSeconds', 'copy', 'isEndKnown', 'uploadId'],
    ...Object.keys(NO_FACTS),
  ];
  it.each(Object.keys(sampleTrack()).filter((field) => !added.includes(field)))(
    'is refused without its "%s"',
    (field) => {
      const { [field]: _left, ...rest } = { ...sampleTrack() } as Record<string, unknown>;
      expect(() => parseTrack(rest)).toThrow(field);
    },
  );

  const { source } = sampleTrack();
  const rendition = sampleTrack().renditions[0];
  it.each([
    ['version', 0],
    ['version', TRACK_VERSION + 1],
    ['version', String(TRACK_VERSION)],
    ['filename', ''],
    ['status', 'lost'],
    ['uploadedAt', 'yesterday'],
    ['uploadedAt', '2025-03-14T09:26:53.589+01:00'],
    ['samples', 0],
    ['samples', 1.5],
    ['sampleRate', -1],
    ['channels', 3],
    ['segmentFrames', 0],
    ['storedBytes', -1],
    ['streamIndex', -1],
    ['renditions', []],
    ['renditions', [{ ...rendition, key: '../../..' }]],
    ['renditions', [{ ...rendition, id: '../aac' }]],
    ['source', { ...source, sha256: 'abc' }],
    ['source', { ...source, bytes: 0 }],
  ])('is refused when its "%s" is %j', (field, value) => {
    expect(() => parseTrack({ ...sampleTrack(), [field]: value })).toThrow(field);
  });

  it.each([[null], ['track'], [[]], [{}]])('is refused when it is %j', (json) => {
    expect(() => parseTrack(json)).toThrow();
  });
});
