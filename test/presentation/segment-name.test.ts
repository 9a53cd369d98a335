import { describe, expect, it } from 'vitest';
import {
  initSegmentName,
  mediaSegmentName,
  mediaSegmentTemplate,
  parseSegmentName,
} from '../../src/presentation/segment-name.ts';

const rendition = { id: 'aac-128k', key: '3f9a2c1b' };

describe('the name of a segment', () => {
  it('has the rendition, the encode hash and a number from 1', () => {
    expect(initSegmentName(rendition)).toBe('aac-128k-3f9a2c1b-init.mp4');
    expect(mediaSegmentName(rendition, 0)).toBe('aac-128k-3f9a2c1b-00001.m4s');
  });

  it.each([0, 8, 9, 99_998, 99_999, 123_456])('of index %i parses to that index', (index) => {
    const name = mediaSegmentName(rendition, index);
    expect(parseSegmentName(name)).toEqual({ renditionId: 'aac-128k', encodeHash: '3f9a2c1b', index });
  });

  it('of the init segment parses to `init`', () => {
    const read = parseSegmentName(initSegmentName(rendition));
    expect(read).toEqual({ renditionId: 'aac-128k', encodeHash: '3f9a2c1b', index: 'init' });
  });

  it.each([0, 41, 99_998, 99_999])('of index %i equals the template with its number filled in', (index) => {
    const number = String(index + 1).padStart(5, '0');
    const filled = mediaSegmentTemplate(rendition).replace('$Number%05d$', number);
    expect(filled).toBe(mediaSegmentName(rendition, index));
  });
});

describe('a name that no segment can have', () => {
  it.each([
    ...['', 'init.mp4', 'manifest.mpd', 'track.json', '..', '../aac-128k-3f9a2c1b-00001.m4s'],
    ...['aac-128k-3f9a2c1b-00000.m4s', 'aac-128k-3f9a2c1b-000001.m4s', 'aac-128k-3f9a2c1b-1.m4s'],
    ...['aac-128k-3f9a2c1b--0001.m4s', 'aac-128k-3f9a2c1b-00001.mp4', 'aac-128k-3f9a2c1b-init.m4s'],
    ...['aac-128k-3F9A2C1B-00001.m4s', 'AAC-128k-3f9a2c1b-00001.m4s', 'aac-128k-3f9a2c1-00001.m4s'],
    ...['aac-128k-3f9a2c1b-00001.m4s\n', ' aac-128k-3f9a2c1b-00001.m4s', 'aac-128k-3f9a2c1b-00001.m4s/x'],
    ...['aac-128k-3f9a2c1b-00001.m4s\0', 'aac/128k-3f9a2c1b-00001.m4s', 'aac-128k-3f9a2c1b-٠٠٠٠١.m4s'],
  ])('is refused: %j', (name) => {
    expect(parseSegmentName(name)).toBeUndefined();
  });
});
