/** `POST /files/{filename}/links`: makes addresses of a stream with a chosen life. */
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
          description: 'Seconds until the addresses expire; by default a day, rounded up to the full hour',
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
  // Accept any Content-Type: `curl -d` declares a form.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (_request: FastifyRequest, body: Readable) =>
    parsedOrText(await readSmallBody(body, limits)),
  );

  app.setValidatorCompiler<z.ZodType>((part) => {
    const check = validatorCompiler(part);
    // Fastify passes null for a missing body.
    return (value: unknown) => check(value ?? undefined);
  });

  app.post<{ Params: TrackParams; Body: z.infer<typeof LinkRequest> }>(
    '/files/:filename/links',
    {
      schema: {
        operationId: 'createLinks',
        tags: ['streams'],
        summary: 'Make addresses of a stream to share',
        description:
          'With `STREAM_SECRET` the addresses are signed and expire at `expiresAt`; any player can use them. Without it the addresses are open to all, and `expiresAt` is null.',
        params: TrackParams,
        body: LinkRequest,
        response: {
          200: json('The addresses; they work once the track can be played', StreamLinks),
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

/** Parses a body. Returns invalid JSON as text, which the schema then refuses. */
function parsedOrText(body: string): unknown {
  if (body.trim() === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
