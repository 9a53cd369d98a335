/** Describes the API in OpenAPI 3.1 at `/openapi.json`, from the schemas that check requests and write responses. */
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import * as z from 'zod';
import { type DescribedResponse, NOTHING, problems } from './responses.ts';

const DESCRIPTION = `Upload an audio file, and play it half a second later on any player of MPEG-DASH or HLS, from any position, exact to the sample.

Errors are problem documents (RFC 9457) with a stable \`code\`; docs/api.md says what to do about each.`;

/**
 * Describes the routes. Call it before the first route is registered.
 *
 * @param publicUrl address of the server for clients; empty for the root.
 * @param isLocked true if the server needs API keys.
 */
export async function describeApi(
  app: FastifyInstance,
  { publicUrl, isLocked }: { publicUrl: string; isLocked: boolean },
): Promise<void> {
  /** Addresses of routes with an optional body. */
  const optionalBodies = new Set<string>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Audio streaming',
        version: '1.0.0',
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: publicUrl || '/', description: 'This server' }],
      tags: [
        { name: 'files', description: 'Tracks: upload, list, details, events, retry, delete' },
        { name: 'streams', description: 'Manifests, playlists and segments for players' },
        { name: 'health', description: 'Health checks for operators' },
      ],
      ...(isLocked && {
        components: {
          securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'One of `API_KEYS`' } },
        },
      }),
    },
    transform: (described) => {
      const route = isLocked ? described : { ...described, schema: withOrigins(described.schema) };
      const transformed = jsonSchemaTransform(route);
      addHeaders(route.schema, transformed.schema);
      // Routes that need a key describe 401.
      const needsKey = isLocked && '401' in ((route.schema?.response ?? {}) as object);
      if (route.schema?.body instanceof z.ZodOptional) optionalBodies.add(route.url);
      return { ...transformed, schema: { ...transformed.schema, security: needsKey ? [{ key: [] }] : [] } };
    },
    transformObject: (document) => {
      const made = withoutUnused(jsonSchemaTransformObject(document) as Document);
      for (const url of optionalBodies) {
        const body = made.paths?.[url.replace(/:(\w+)/g, '{$1}')]?.post?.requestBody;
        if (body && 'required' in body) body.required = false;
      }
      return made;
    },
  });

  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    return reply.header('cache-control', 'no-cache').send(app.swagger());
  });
}

/** Adds the refusal of pages of other sites: without API keys it guards the routes that would otherwise need a key. */
function withOrigins(schema: FastifySchema): FastifySchema {
  const response = (schema?.response ?? {}) as object;
  const refused = '401' in response ? problems('cross_origin', 'unknown_host') : {};
  return { ...schema, response: { ...response, ...refused } };
}

/** Adds headers and empty responses, which the library that makes JSON Schemas leaves out. */
function addHeaders(from: FastifySchema | undefined, to: FastifySchema): void {
  const described = (from?.response ?? {}) as Record<string, DescribedResponse>;
  const answers = (to.response ?? {}) as Record<string, object>;
  for (const [status, { description, headers, content }] of Object.entries(described)) {
    const isEmpty = content !== undefined && NOTHING in content;
    answers[status] = { ...(isEmpty ? { type: 'null', description } : answers[status]), headers };
  }
}

type Document = OpenAPIV3_1.Document;

/** Removes schemas without references: the library adds each one as input and as output. */
function withoutUnused(document: Document): Document {
  const { components } = document;
  const text = JSON.stringify(document);
  const used = Object.entries(components?.schemas ?? {}).filter(([name]) =>
    text.includes(`"#/components/schemas/${name}"`),
  );
  return { ...document, components: { ...components, schemas: Object.fromEntries(used) } } as Document;
}
