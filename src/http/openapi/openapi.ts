/** The API, described by OpenAPI 3.1 at `/openapi.json`: made of the schemas that check requests and write answers. */
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

const DESCRIPTION = `Upload an audio file; half a second later play it everywhere, by MPEG-DASH or HLS, from any point, sample for sample.

Errors are problem documents (RFC 9457) with a stable \`code\`; docs/api.md says what to do about each.`;

/**
 * To be called before any route is registered.
 *
 * @param publicUrl empty where the server is at the root.
 * @param isLocked whether the server asks for keys.
 */
export async function describeApi(
  app: FastifyInstance,
  { publicUrl, isLocked }: { publicUrl: string; isLocked: boolean },
): Promise<void> {
  /** Addresses of routes that may be sent a body, and need not. */
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
        { name: 'streams', description: 'What players ask for' },
        { name: 'health', description: 'For whoever runs it' },
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
      // Where a key is needed, its lack is one of the answers.
      const takesKey = isLocked && '401' in ((route.schema?.response ?? {}) as object);
      if (route.schema?.body instanceof z.ZodOptional) optionalBodies.add(route.url);
      return { ...transformed, schema: { ...transformed.schema, security: takesKey ? [{ key: [] }] : [] } };
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

/** Without keys, what a page of another site asks for is refused where a key would be asked for. */
function withOrigins(schema: FastifySchema): FastifySchema {
  const response = (schema?.response ?? {}) as object;
  const refused = '401' in response ? problems('cross_origin', 'unknown_host') : {};
  return { ...schema, response: { ...response, ...refused } };
}

/** What the library that makes JSON Schemas of ours leaves out. */
function addHeaders(from: FastifySchema | undefined, to: FastifySchema): void {
  const described = (from?.response ?? {}) as Record<string, DescribedResponse>;
  const answers = (to.response ?? {}) as Record<string, object>;
  for (const [status, { description, headers, content }] of Object.entries(described)) {
    const isEmpty = content !== undefined && NOTHING in content;
    answers[status] = { ...(isEmpty ? { type: 'null', description } : answers[status]), headers };
  }
}

type Document = OpenAPIV3_1.Document;

/** Schemas come as they are written and as they are read; only those are kept that something refers to. */
function withoutUnused(document: Document): Document {
  const { components } = document;
  const text = JSON.stringify(document);
  const used = Object.entries(components?.schemas ?? {}).filter(([name]) =>
    text.includes(`"#/components/schemas/${name}"`),
  );
  return { ...document, components: { ...components, schemas: Object.fromEntries(used) } } as Document;
}
