/** `POST /files/{filename}/links`: addresses of a stream that can be handed on, for as long as is wanted. */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Services } from '../../services.ts';
import { readSmallBody } from '../connections/small-body.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { json, problems } from '../openapi/responses.ts';
import { StreamLinks } from '../openapi/schemas.ts';
import { TrackParams, trackOf } from '../track-param.ts';
import type { Presenter } from '../track-view.ts';

const MAX_SECONDS = 366 * 24 * 3600;
const MAX_BODY_BYTES = 4096;
const expected = `"expiresInSeconds" must be a whole number from 1 to ${MAX_SECONDS}`;
const LinkRequest = z
  .object(
    {
      expiresInSeconds: z
        .int(expected)
        .min(1, expected)
        .max(MAX_SECONDS, expected)
        .optional()
        .meta({
          description: 'A day, and until the next full hour, where it is not said.',
          examples: [3600],
        }),
    },
    'The body must be a JSON object, or empty',
  )
  .optional();

export async function linkRoutes(
  app: FastifyInstance,
  { services, presenter, timeouts }: { services: Services; presenter: Presenter; timeouts: ClientTimeouts },
): Promise<void> {
  const limits = { limitBytes: MAX_BODY_BYTES, timeoutMs: timeouts.bodyMs };
  // Whatever type it is said to be: `curl -d` says that it is a form.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (_request: FastifyRequest, body: Readable) =>
    parsedOrText(await readSmallBody(body, limits)),
  );

  app.setValidatorCompiler<z.ZodType>((part) => {
    const check = validatorCompiler(part);
    // Fastify has null for a body that is not there.
    return (value: unknown) => check(value ?? undefined);
  });

  app.post<{ Params: TrackParams; Body: z.infer<typeof LinkRequest> }>(
    '/files/:filename/links',
    {
      schema: {
        operationId: 'createLinks',
        tags: ['streams'],
        summary: 'Addresses of a stream to hand on',
        description:
          'With `STREAM_SECRET` set the addresses are signed, and end when `expiresAt` says; any player takes them as they are. Without it they are those that are open to all, and `expiresAt` is null.',
        params: TrackParams,
        body: LinkRequest,
        response: {
          200: json('The addresses, from the moment on that the track can be played', StreamLinks),
          ...problems('invalid_body', 'unauthorized', 'track_not_found', 'request_too_slow', 'rate_limited'),
        },
      },
    },
    async (request) => {
      const track = await trackOf(request.params, services.library);
      return presenter.links(track, request.body?.expiresInSeconds);
    },
  );
}

/** What is no JSON is told to be none by the schema. */
function parsedOrText(body: string): unknown {
  if (body.trim() === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
