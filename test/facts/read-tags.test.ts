/** What is read of a file leaves alone what clients have edited. */
import { expect, it } from 'vitest';
import { withTags } from '../../src/facts/read-tags.ts';
import { sampleTrack } from '../support/sample-track.ts';

const read = {
  tags: { title: 'From the file', artist: 'From the file' },
  chapters: [{ startSeconds: 0, endSeconds: 5, title: 'From the file' }],
};

it('adds what was read', () => {
  expect(withTags(sampleTrack(), read)).toMatchObject({ ...read, areTagsRead: true });
});

it('keeps what clients have edited, also what they have removed', () => {
  const edited = ['artist', 'chapters', 'title'];
  const track = sampleTrack({ tags: { title: 'Edited' }, chapters: [], edited });
  expect(withTags(track, read)).toMatchObject({ areTagsRead: true, tags: { title: 'Edited' }, chapters: [] });
  expect(withTags(track, read).tags).toEqual({ title: 'Edited' });
});
