/** Serves the chapters of a track, in the format of each kind of player. */
import { renderAppleChapters, renderJsonChapters, renderVttChapters } from '../../presentation/chapters.ts';
import { APPLE_CHAPTERS } from '../../presentation/hls.ts';
import type { Track } from '../../tracks/track.ts';
import { type SideFile, sideFile } from './side-files.ts';

const chapterFile = (
  declared: Pick<SideFile, 'name' | 'id' | 'summary' | 'type'>,
  render: (track: Track) => string,
): SideFile =>
  sideFile({
    ...declared,
    description: 'The list is empty where the track has no chapters.',
    isText: true,
    query: {},
    problems: [],
    find: async (track) => ({ bytes: Buffer.from(render(track)) }),
  });

export const CHAPTER_FILES: readonly SideFile[] = [
  chapterFile(
    {
      name: 'chapters.json',
      id: 'Chapters',
      summary: 'Get the chapters as JSON (Podcasting 2.0)',
      type: 'application/json+chapters',
    },
    renderJsonChapters,
  ),
  chapterFile(
    {
      name: 'chapters.vtt',
      id: 'VttChapters',
      summary: 'Get the chapters as WebVTT',
      type: 'text/vtt; charset=utf-8',
    },
    renderVttChapters,
  ),
  chapterFile(
    {
      name: APPLE_CHAPTERS,
      id: 'AppleChapters',
      summary: "Get the chapters for Apple's players: HLS session data `com.apple.hls.chapters`",
      type: 'application/json',
    },
    renderAppleChapters,
  ),
];
