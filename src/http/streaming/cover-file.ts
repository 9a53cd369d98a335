/** The cover of a track, as a side file. */
import * as z from 'zod';
import { errors } from '../../errors.ts';
import { COVER_SIZES, coverFileName } from '../../facts/cover-files.ts';
import type { Services } from '../../services.ts';
import { type SideFile, sideFile } from './side-files.ts';

const [SMALL, MIDDLE, LARGE] = COVER_SIZES;

export function coverFile({ library, storage }: Pick<Services, 'library' | 'storage'>): SideFile {
  return sideFile({
    name: 'cover',
    id: 'Cover',
    summary: 'Get the cover of a track',
    description:
      'A JPEG whose longest side has at most `size` pixels, made by the server from the picture in the file or from one that was sent. Its shape is that of the picture, which is never enlarged.',
    type: 'image/jpeg',
    query: {
      size: z
        .enum([`${SMALL}`, `${MIDDLE}`, `${LARGE}`], `"size" must be ${SMALL}, ${MIDDLE} or ${LARGE}`)
        .default(`${MIDDLE}`)
        .meta({ description: 'Longest side in pixels', examples: [`${LARGE}`] }),
    },
    problems: ['cover_not_found'],
    async find(track, { size }) {
      const wanted = COVER_SIZES.find((each) => String(each) === size) ?? MIDDLE;
      const read = async ({ cover, home }: typeof track) => {
        const bytes = cover && (await storage.readSidecar(home, coverFileName(cover, wanted)));
        return bytes ? { bytes, version: cover?.hash } : undefined;
      };
      // A change may have replaced the cover after its record was read.
      const found = (await read(track)) ?? (await read((await library.get(track.filename)) ?? track));
      if (!found) throw errors.coverNotFound(track.filename);
      return found;
    },
  });
}
