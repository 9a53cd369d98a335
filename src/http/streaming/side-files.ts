/**
 * Serves small files about a track, such as its cover or its chapters. Below `/stream` and `/signed` they follow the rules of
 * segments: `<img>` and players send no API key. Below `/files` they follow those of the API.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { ErrorCode } from '../../errors.ts';
import type { Library } from '../../library/library.ts';
import type { Track } from '../../tracks/track.ts';
import { compress, wantedEncoding } from '../compression.ts';
import { TrackParams, trackOf } from '../track-param.ts';
import {
  type HeaderList,
  IMMUTABLE_FOR_ONE,
  REVALIDATE,
  type Representation,
  representationOf,
  sendRepresentation,
} from './caching.ts';
import * as schemas from './schemas.ts';

export interface SideFileBody {
  bytes: Buffer;
  /** Short hash of what the bytes are made from. An address with it as `?v=` never gives other bytes. */
  version?: string | undefined;
}

/** Declares a side file. It gets the same address in each address space. */
interface DeclaredSideFile<Query extends z.ZodRawShape> {
  /** Last part of its address, such as `cover` or `chapters.json`. */
  name: string;
  /** Part of the operation ids: `Cover` makes `getCover`, `getSignedCover` and `getFileCover`. */
  id: string;
  summary: string;
  description?: string;
  type: string;
  /** True for text, which is compressed. */
  isText?: boolean;
  /** Query parameters beside `v`. */
  query?: Query;
  /** Error codes of `find`, for the description. */
  problems: readonly ErrorCode[];
  /** Resolves with the bytes. Throws an AppError where the track has none. */
  find(track: Track, query: z.infer<z.ZodObject<Query>>): Promise<SideFileBody>;
}

export type SideFile = DeclaredSideFile<z.ZodRawShape>;

/** Declares a side file, with the type of its query checked. */
export function sideFile<Query extends z.ZodRawShape>(declared: DeclaredSideFile<Query>): SideFile {
  return declared as unknown as SideFile;
}

/** Where a side file is served. */
export interface SideFilePlace {
  /** Caching of an address with the right version. */
  immutable: string;
  /** Headers of every answer. */
  more: HeaderList;
}

/** Lets pages of other sites show side files, also pages that show nothing of other sites without this header. */
export const EMBEDDABLE: HeaderList = [
  ...['Cross-Origin-Resource-Policy', 'cross-origin'],
  // Titles of chapters are anybody's text.
  ...['X-Content-Type-Options', 'nosniff'],
];

const Version = z.string('"v" must be given once').optional().meta({
  description:
    'Version of the file, from an address in the track object: caches then keep the answer for good',
});

/** Describes a side file in one address space. */
export function schemaOf(file: SideFile, { params, id }: schemas.Place) {
  const querystring = z.object({ ...file.query, v: Version });
  return { ...schemas.sideFile(file, { params, id }), querystring };
}

/**
 * Resolves with a side file, ready to be sent. Caches may keep it for ever where the request names its version.
 *
 * @throws {AppError} what `find` throws.
 */
export async function findSideFile(
  { file, track, place }: { file: SideFile; track: Track; place: SideFilePlace },
  request: Pick<FastifyRequest, 'headers' | 'query'>,
): Promise<Representation> {
  const query = request.query as { v?: string };
  const { bytes, version } = await file.find(track, query);
  const isImmutable = version !== undefined && query.v === version;
  const encoding = file.isText ? wantedEncoding(request) : 'identity';
  return representationOf(await compress(bytes, encoding), {
    type: file.type,
    cacheControl: isImmutable ? place.immutable : REVALIDATE,
    more: [
      ...place.more,
      ...(file.isText ? ['Vary', 'Accept-Encoding'] : []),
      ...(encoding === 'identity' ? [] : ['Content-Encoding', encoding]),
    ],
  });
}

/** Serves side files below `/files`, by the rules of the API: with its API keys, limits and security headers. */
export async function sideFileRoutes(
  app: FastifyInstance,
  { library, files }: { library: Library; files: readonly SideFile[] },
): Promise<void> {
  const place = { immutable: IMMUTABLE_FOR_ONE, more: [] };
  for (const file of files) {
    const schema = schemaOf(file, { params: TrackParams, id: 'File' });
    app.get<{ Params: TrackParams }>(`/files/:filename/${file.name}`, { schema }, async (request, reply) => {
      const track = await trackOf(request.params, library);
      const found = await findSideFile({ file, track, place }, request);
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      reply.hijack();
      sendRepresentation(request.raw, reply.raw, found);
    });
  }
}
